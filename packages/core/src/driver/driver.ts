import { VirtError } from "../errors.ts";
import type { BlockJobFacet } from "./block-jobs.ts";
import type { ConversionFacet } from "./conversion.ts";
import type { DeviceFacet } from "./devices.ts";
import type { DiskMoveFacet } from "./disk-moves.ts";
import { DOMAIN_TRAITS, type DomainFacet } from "./domains.ts";
import type { GuestInfoFacet } from "./guest-info.ts";
import type { HostFacet } from "./host.ts";
import type { MigrationDestinationFacet, MigrationSourceFacet } from "./migration.ts";
import type { ResourceFacet } from "./resources.ts";
import type { SavedStateFacet } from "./saved-state.ts";
import type { SnapshotFacet } from "./snapshots.ts";
import type { StorageFacet } from "./storage.ts";

export interface Facets {
  readonly host: HostFacet;
  readonly domains: DomainFacet;
  readonly devices: DeviceFacet;
  readonly resources: ResourceFacet;
  readonly snapshots: SnapshotFacet;
  readonly savedState: SavedStateFacet;
  readonly guestInfo: GuestInfoFacet;
  readonly conversion: ConversionFacet;
  readonly storage: StorageFacet;
  readonly blockJobs: BlockJobFacet;
  readonly diskMoves: DiskMoveFacet;
  readonly migrationSource: MigrationSourceFacet;
  readonly migrationDestination: MigrationDestinationFacet;
}

/** Every method a facet can have: the rows of the support matrix. */
export const FACET_METHODS = {
  host: ["info", "capabilities"],
  domains: [
    "list",
    "find",
    "stats",
    "subscribe",
    "parse",
    "xml",
    "define",
    "undefine",
    "register",
    "create",
    "start",
    "destroy",
    "shutdown",
    "reboot",
    "reset",
    "suspend",
    "resume",
    "setAutostart",
    "openConsole",
    "screenshot",
  ],
  devices: ["attach", "detach", "update"],
  resources: ["setMemory", "setMaxMemory", "setVcpus", "setMaxVcpus"],
  snapshots: ["list", "xml", "create", "revert", "delete"],
  savedState: ["save", "inspect", "restore", "managedSave", "removeManaged"],
  guestInfo: ["addresses", "system"],
  conversion: ["formats", "fromNative", "toNative"],
  storage: ["pools", "volumes", "volume", "create", "resize", "delete", "upload", "download"],
  blockJobs: ["list", "cancel"],
  diskMoves: ["move", "pending", "resume"],
  migrationSource: ["examine", "open", "reopen", "retireGone"],
  migrationDestination: ["examine", "prepare", "reopen"],
} as const satisfies { readonly [F in keyof Facets]: readonly (keyof Facets[F] & string)[] };

/**
 * One hypervisor. A small mandatory core, optional facets, optional methods: what is absent is declared not to
 * be supported.
 */
export type Driver = {
  /** `qemu`, `test`, ...: its place in subjects and labels. */
  readonly name: string;
  /** Connection URIs it serves on this host, without the host: scheme and path. */
  readonly serves: readonly { readonly scheme: string; readonly path: string }[];
  /** Why it lacks a method that people will look for, and what to use instead: by `facet.method`. */
  readonly instead?: Readonly<Record<string, string>>;
} & Pick<Facets, "host" | "domains"> &
  Partial<Facets> &
  AsyncDisposable;

type Method<F, M extends keyof F> = NonNullable<F[M]>;

/** The method, bound to its facet. @throws UNSUPPORTED naming the facet and the method when the driver lacks it. */
export function need<F extends keyof Facets, M extends keyof Facets[F] & string>(
  driver: Driver,
  facet: F,
  method: M,
): Method<Facets[F], M> {
  const object: object | undefined = (driver as Partial<Facets>)[facet];
  const found: unknown = object === undefined ? undefined : Reflect.get(object, method);
  if (typeof found !== "function") {
    const instead = driver.instead?.[`${facet}.${method}`];
    const why = instead === undefined ? "" : `: ${instead}`;
    throw new VirtError("UNSUPPORTED", `the ${driver.name} driver has no ${facet}.${method}${why}`, {
      metadata: { driver: driver.name, facet, method },
    });
  }
  return found.bind(object) as Method<Facets[F], M>;
}

/** `["domains.start", ..., "domains.pausedStart"]`: what the driver can do, and what its guests can be. */
export function supportOf(driver: Driver): string[] {
  const facets: Partial<Record<keyof Facets, object>> = driver;
  const methods = Object.entries(FACET_METHODS).flatMap(([facet, all]) => {
    const object = facets[facet as keyof Facets];
    if (object === undefined) return [];
    return all.filter((m) => typeof Reflect.get(object, m) === "function").map((m) => `${facet}.${m}`);
  });
  const { lacks = [] } = driver.domains;
  const traits = DOMAIN_TRAITS.filter((trait) => !lacks.includes(trait)).filter(
    // Who saves no guest says nothing of how.
    (trait) => trait !== "pausedSave" || driver.savedState !== undefined,
  );
  return [...methods, ...traits.map((trait) => `domains.${trait}`)];
}
