import type { Call } from "../call.ts";
import type { DomainState } from "../domain/state.ts";
import type { DomainUuid } from "../ids.ts";
import type { EventListener } from "./events.ts";

/** What a driver knows of a guest at this moment, without asking anybody. */
export interface DomainInfo {
  readonly uuid: DomainUuid;
  readonly name: string;
  readonly state: DomainState;
  /** In libvirt's words: `booted`, `migrated`, `user`, `io-error`, `crashed`, ... */
  readonly stateReason: string;
  readonly type: string;
  readonly persistent: boolean;
  readonly autostart: boolean;
  /** The definition for the next start differs from the running one. */
  readonly updated: boolean;
  readonly vcpus: number;
  readonly memoryBytes: bigint;
  readonly maxMemoryBytes: bigint;
  readonly title: string;
  readonly description: string;
  readonly disks: readonly DiskInfo[];
  readonly interfaces: readonly InterfaceInfo[];
  readonly graphics: readonly GraphicsInfo[];
  /** Hash of the persistent definition; of the running one when transient. */
  readonly etag: string;
  /** When the running instance started, milliseconds since the epoch; 0 when it does not run. */
  readonly startTimeMs: number;
  /** Small number of the running instance; 0 when it does not run. */
  readonly id: number;
  /** The next start goes on from what a managed save has kept. */
  readonly managedSave?: boolean;
}

export interface DiskInfo {
  readonly target: string;
  readonly bus: string;
  readonly device: string;
  readonly type: string;
  readonly source: string;
  readonly format: string;
  readonly readonly: boolean;
  readonly shareable: boolean;
}

export interface InterfaceInfo {
  readonly mac: string;
  readonly type: string;
  readonly source: string;
  readonly model: string;
  readonly device: string;
}

export interface GraphicsInfo {
  readonly type: string;
  readonly listen: string;
  readonly port: number;
  readonly socket: string;
}

/** A number that the hypervisor may not tell: undefined then, and never 0 for that. */
export type Told = bigint | undefined;

export interface DomainStats {
  readonly uuid: DomainUuid;
  readonly name: string;
  readonly state: DomainState;
  readonly stateReason: string;
  /** Milliseconds since the epoch; 0 for a guest that does not run. */
  readonly sampleTimeMs: number;
  readonly cpuTimeNs: Told;
  readonly vcpus: number;
  readonly memoryBytes: bigint;
  readonly maxMemoryBytes: bigint;
  readonly rssBytes: bigint;
  readonly blocks: readonly BlockStats[];
  readonly interfaces: readonly InterfaceStats[];
}

export interface BlockStats {
  readonly target: string;
  readonly source: string;
  readonly readRequests: Told;
  readonly readBytes: Told;
  readonly readTimeNs: Told;
  readonly writeRequests: Told;
  readonly writeBytes: Told;
  readonly writeTimeNs: Told;
  readonly flushRequests: Told;
  readonly flushTimeNs: Told;
  readonly allocationBytes: Told;
  readonly capacityBytes: bigint;
  readonly physicalBytes: Told;
}

export interface InterfaceStats {
  readonly device: string;
  readonly mac: string;
  readonly receiveBytes: Told;
  readonly receivePackets: Told;
  readonly receiveErrors: Told;
  readonly receiveDrops: Told;
  readonly transmitBytes: Told;
  readonly transmitPackets: Told;
  readonly transmitErrors: Told;
  readonly transmitDrops: Told;
}

/** A definition that was read and found good, not yet acted on. */
export interface ParsedDomain {
  readonly uuid: DomainUuid;
  readonly name: string;
  /** The document named none and this one was made up: nobody else can have it. */
  readonly uuidGenerated: boolean;
  /** The document with the UUID in it. */
  readonly xml: string;
}

export interface XmlForm {
  readonly inactive: boolean;
  readonly secure: boolean;
  readonly migratable: boolean;
}

export interface ConsoleStream extends AsyncDisposable {
  readonly output: AsyncIterable<Uint8Array>;
  /** Resolves when the hypervisor has taken the bytes: the back-pressure towards the client. */
  write(data: Uint8Array): Promise<void>;
}

export interface Screenshot {
  readonly mimeType: string;
  readonly data: AsyncIterable<Uint8Array>;
}

/**
 * What goes without saying of most hypervisors' guests. `pausedStart`: they can be started with their CPUs stopped.
 * `pausedSave`: they can be saved with their CPUs stopped; without it their systems have to help.
 * `nextDefinition`: while they run, their definition for the next start can be another one. `pushedEvents`: the hypervisor
 * tells what happens to them when it happens; without it they are looked at from time to time.
 */
export const DOMAIN_TRAITS = ["pausedStart", "pausedSave", "nextDefinition", "pushedEvents"] as const;

export type DomainTrait = (typeof DOMAIN_TRAITS)[number];

/**
 * Guests. Reads are synchronous: they come from what the driver already knows, kept current by events, so one
 * busy guest delays nobody. The chassis calls changes of one guest one after the other and only after the run
 * token was checked; a driver need not queue.
 */
export interface DomainFacet {
  /** Nothing, unless it is said. What needs it is refused, as UNSUPPORTED or for what is in its way. */
  readonly lacks?: readonly DomainTrait[];
  /** The hypervisor itself starts guests with their host; else the chassis does. */
  readonly startsWithHost?: true;

  list(): readonly DomainInfo[];
  /** By UUID or name. */
  find(ref: string): DomainInfo | undefined;
  /** All guests, or those of the UUIDs given. */
  stats(uuids?: readonly DomainUuid[]): readonly DomainStats[];
  /** In order, once each; the listener hears of every change this facet makes too. */
  subscribe(listener: EventListener): Disposable;

  /** Reads and checks a definition without acting. @throws XML_SYNTAX, XML_INVALID, XML_UNKNOWN, INVALID_NAME, ... */
  parse(xml: string): ParsedDomain;
  xml(uuid: DomainUuid, form: XmlForm, c: Call): Promise<string>;
  define(parsed: ParsedDomain, c: Call): Promise<DomainInfo>;
  /** What it keeps in files of its own stays there, where the hypervisor has such. */
  undefine(uuid: DomainUuid, c: Call): Promise<void>;
  /** Makes a guest known whose files are there. `name`: empty as the file says. @throws FILE_NOT_FOUND, DOMAIN_EXISTS */
  register?(path: string, name: string, c: Call): Promise<DomainInfo>;
  /** Creates and starts a transient guest. */
  create?(parsed: ParsedDomain, options: { readonly paused: boolean }, c: Call): Promise<DomainInfo>;
  /** Boots, or goes on from a managed save, which is used up then. */
  start(uuid: DomainUuid, options: { readonly paused: boolean }, c: Call): Promise<DomainInfo>;
  destroy(uuid: DomainUuid, c: Call): Promise<DomainInfo>;

  /** Asks; what comes of it is an event. */
  shutdown?(uuid: DomainUuid, c: Call): Promise<void>;
  /** Asks; what comes of it is an event. */
  reboot?(uuid: DomainUuid, c: Call): Promise<void>;
  reset?(uuid: DomainUuid, c: Call): Promise<DomainInfo>;
  suspend?(uuid: DomainUuid, c: Call): Promise<DomainInfo>;
  resume?(uuid: DomainUuid, c: Call): Promise<DomainInfo>;
  setAutostart?(uuid: DomainUuid, autostart: boolean, c: Call): Promise<DomainInfo>;
  openConsole?(
    uuid: DomainUuid,
    options: { readonly device: string; readonly force: boolean },
    c: Call,
  ): Promise<ConsoleStream>;
  screenshot?(uuid: DomainUuid, screen: number, c: Call): Promise<Screenshot>;
}
