import { join } from "node:path";
import { Consoles } from "@virtmesh/agent/guests/consoles";
import { DefinitionStore } from "@virtmesh/agent/guests/definition-store";
import { identified } from "@virtmesh/agent/guests/definition";
import { RunFolder } from "@virtmesh/agent/guests/run-folder";
import type { Driver } from "@virtmesh/core/driver/driver";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import { parseDomain } from "@virtmesh/documents/domain/document";
import { Scope } from "@virtmesh/kit/scope";
import type { TlsFiles } from "@virtmesh/kit/tls";
import type { MeshLogger } from "@virtmesh/mesh/logger";
import { openConsole, type XenConsoles } from "./facets/console.ts";
import { XenConversion } from "./facets/conversion.ts";
import { XenDevices } from "./facets/devices.ts";
import { XenDomains } from "./facets/domains.ts";
import { XenHost } from "./facets/host.ts";
import { XenMigrationDestination } from "./facets/migration-destination.ts";
import { XenMigrationSource } from "./facets/migration-source.ts";
import { XenResources } from "./facets/resources.ts";
import { XenSavedState } from "./facets/saved-state.ts";
import { configOf } from "./guests/config.ts";
import { Guests } from "./guests/guests.ts";
import type { GuestFolder } from "./guests/status.ts";
import type { MigrationTrust } from "./migration/security.ts";
import { ManagedSaves } from "./saved/managed-saves.ts";
import { Sampler } from "./stats/sampler.ts";
import { DomainWatch } from "./xenstore/domain-watch.ts";

const XENSTORE = "/run/xenstored/socket";
const DUMPS = "/var/lib/xen/dump";

export interface XenDriverConfig {
  /** Name of this host in the mesh. */
  readonly host: string;
  /** Where other hosts reach this one. */
  readonly dataAddress: string;
  readonly tls?: TlsFiles;
  readonly allowPlaintextMigration: boolean;
  /** Survives a restart of the host: definitions and managed saves. */
  readonly stateDir: string;
  /** Survives a restart of the agent only: files and status of the guests that run. */
  readonly runDir: string;
  readonly logger: MeshLogger;
}

/** Xen on this host, whose dom0 this is. Guests that run already are taken up; disposing lets go of all, and they run on. */
export async function createXenDriver(config: XenDriverConfig): Promise<Driver> {
  const scope = new Scope();
  try {
    return await create(config, scope);
  } catch (e) {
    await scope[Symbol.asyncDispose]();
    throw e;
  }
}

async function create(config: XenDriverConfig, scope: Scope): Promise<Driver> {
  const { stateDir, runDir, logger } = config;
  const host = await XenHost.open();
  const definitions = await DefinitionStore.open(stateDir);
  const folder: GuestFolder = await RunFolder.open(join(runDir, "xen"));
  const heard = { look: (): void => undefined };
  // First it is listened, then looked at: nothing can happen in between that nobody sees.
  const watch = scope.own(await listen(() => heard.look(), logger));
  const guests = scope.own(
    new Guests({
      ...{ folder, definitions, logger },
      configOf: (definition) => configOf(definition, host),
      dumpPath: ({ name }) => join(DUMPS, `${name}-${Date.now()}.core`),
      store: () => watch.store,
      onOthers: (signal) => host.refresh(signal),
    }),
  );
  const onDamaged = (err: VirtError): void => logger.error({ err }, "a file was left aside");
  for (const { definition, autostart } of await definitions.load(onDamaged))
    guests.load(definition, autostart);
  const saves = await ManagedSaves.open(stateDir, guests);
  await guests.reattach(await folder.load(onDamaged), (xml) => identified(parseDomain(xml)));
  heard.look = () => guests.look();
  guests.look();
  const sampler = scope.own(
    new Sampler((err) => logger.warn({ err }, "xentop does not count; it is started again")),
  );
  const consoles = scope.own(new Consoles());
  const console: XenConsoles = (...asked) => openConsole(consoles, watch.store, ...asked);
  const trust = { tls: config.tls, allowPlaintext: config.allowPlaintextMigration };
  const place = { hostName: config.host, dataAddress: config.dataAddress, logger };
  return driverOf({ ...{ host, guests, folder, sampler, saves, console, trust }, ...place }, scope);
}

/** What the facets stand on. */
interface Foundation {
  readonly host: XenHost;
  readonly guests: Guests;
  readonly sampler: Sampler;
  readonly saves: ManagedSaves;
  readonly console: XenConsoles;
  readonly folder: GuestFolder;
  readonly trust: MigrationTrust;
  readonly hostName: string;
  readonly dataAddress: string;
  readonly logger: MeshLogger;
}

function driverOf(foundation: Foundation, scope: Scope): Driver {
  const { host, guests, sampler, saves, console } = foundation;
  return {
    name: "xen",
    serves: [{ scheme: "xen", path: "/system" }],
    host,
    domains: new XenDomains(guests, sampler, saves, console),
    devices: new XenDevices(guests),
    resources: new XenResources(guests),
    savedState: new XenSavedState(guests, saves),
    conversion: new XenConversion(),
    migrationSource: new XenMigrationSource(foundation),
    migrationDestination: new XenMigrationDestination(foundation),
    [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose](),
  };
}

/** One that is only asked what it can do. */
export function unconnectedXenDriver(): Driver {
  return driverOf({ host: XenHost.unconnected() } as Foundation, new Scope());
}

async function listen(onChange: () => void, logger: MeshLogger): Promise<DomainWatch> {
  try {
    return await DomainWatch.open({
      socket: XENSTORE,
      onChange,
      onProblem: (err) => logger.warn({ err }, "XenStore is away; it is tried again"),
    });
  } catch (cause) {
    throw new VirtError(
      "HOST_SETUP",
      `XenStore does not answer at ${XENSTORE} (is xenstored running?): ${messageOf(cause)}`,
      {},
      { cause },
    );
  }
}
