import type { HypervisorEventBody } from "@virtmesh/core/driver/events";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { formatDomain } from "@virtmesh/documents/domain/document";
import { aliasOf } from "@virtmesh/documents/domain/find-device";
import { allDevices, type FoundDevice } from "@virtmesh/documents/domain/one-device";
import type { HostTap } from "../host/taps.ts";
import type { ExitStatus, QemuProcess } from "../process/qemu-process.ts";
import { QmpConnection, type QmpObserver } from "../qmp/connection.ts";
import type { QmpError } from "../qmp/errors.ts";
import type { QmpEvent, QmpEventListener } from "../qmp/events.ts";
import type { HardwareChange, InstanceMigration, InstanceStatus } from "../state/instance-status.ts";
import type { StatusStore } from "../state/status-store.ts";
import { StatusWriter } from "../state/status-store.ts";
import { BlockJobs } from "./jobs.ts";
import { type Situation, translate } from "./translate.ts";

/** What was allotted to one run of a guest. */
export interface Allotment {
  readonly directory: string;
  readonly logPath: string;
  readonly id: number;
  readonly startTimeMs: number;
  /** Hash of the definition it was started from. */
  readonly etag: string;
  readonly vncPorts: Readonly<Record<string, number>>;
  readonly taps: Readonly<Record<string, HostTap>>;
  readonly consoles: Readonly<Record<string, string>>;
  /** Disks by target that were moved and have the second pair of node names. */
  readonly secondNodes: readonly string[];
}

/** Hears of a running guest, in order. */
export interface InstanceListener {
  event(body: HypervisorEventBody, timeMs: number): void;
  /** Its situation is another one. */
  changed(): void;
  /** The connection broke although QEMU may live. */
  disconnected(reason: QmpError): void;
}

export interface InstanceOptions {
  readonly definition: IdentifiedDomain;
  readonly allotment: Allotment;
  readonly process: QemuProcess;
  readonly situation: Situation;
  readonly statuses: StatusStore;
  readonly onWriteError: (error: unknown) => void;
  readonly migration?: InstanceMigration;
  readonly deviations?: readonly string[];
  readonly change?: HardwareChange;
  readonly observe?: QmpObserver;
}

export function qmpPath(directory: string): string {
  return `${directory}/qmp.sock`;
}

/** A socket that QEMU holds and never accepts from: its end is QEMU's end. */
export function alivePath(directory: string): string {
  return `${directory}/alive.sock`;
}

/** QEMU removes it when it ends in order. */
export function pidfilePath(directory: string): string {
  return `${directory}/qemu.pid`;
}

/** One run of a guest: its QEMU, the connection to it, and what its events have told. */
export class Instance {
  readonly process: QemuProcess;
  readonly jobs = new BlockJobs();
  /** Resolves when QEMU has ended. */
  readonly exited: Promise<ExitStatus>;
  /** Somebody ordered its end: what follows is no crash. */
  ordered: "destroyed" | "migrated" | "discarded" | undefined;
  /** Devices by alias that somebody waits for the guest to let go of: who waits clears up behind them. */
  readonly unplugging = new Set<string>();
  #allotment: Allotment;
  #deviations: readonly string[];
  #change: HardwareChange | undefined;
  #definition: IdentifiedDomain;
  #situation: Situation;
  #migration: InstanceMigration | undefined;
  #qmp: QmpConnection | undefined;
  #listener: InstanceListener | undefined;
  #released = false;
  /** Others have been told that it started: before that its events wait, and its end is a failed start. */
  #announced = false;
  readonly #held: { readonly body: HypervisorEventBody; readonly timeMs: number }[] = [];
  readonly #writer: StatusWriter;
  readonly #observe: QmpObserver | undefined;
  readonly #qmpListeners = new Set<QmpEventListener>();
  readonly #connected = Promise.withResolvers<void>();

  constructor(options: InstanceOptions) {
    this.#allotment = options.allotment;
    this.#deviations = options.deviations ?? [];
    this.#change = options.change;
    this.process = options.process;
    this.exited = options.process.exited;
    this.#definition = options.definition;
    this.#situation = options.situation;
    this.#migration = options.migration;
    this.#observe = options.observe;
    this.#writer = new StatusWriter(options.statuses, options.onWriteError);
  }

  get allotment(): Allotment {
    return this.#allotment;
  }

  /** Aliases of devices that came or went since the start for this run only. */
  get deviations(): readonly string[] {
    return this.#deviations;
  }

  /** A device that is being plugged in or out. */
  get change(): HardwareChange | undefined {
    return this.#change;
  }

  /** What runs, with what was allotted to it. */
  get definition(): IdentifiedDomain {
    return this.#definition;
  }

  get situation(): Situation {
    return this.#situation;
  }

  get migration(): InstanceMigration | undefined {
    return this.#migration;
  }

  get qmp(): QmpConnection | undefined {
    return this.#qmp;
  }

  listen(listener: InstanceListener): void {
    this.#listener = listener;
  }

  /** Resolves when its QEMU has answered this agent. */
  get connected(): Promise<void> {
    return this.#connected.promise;
  }

  /** Hears what QEMU says, over this connection and any later one. */
  onQmpEvent(listener: QmpEventListener): Disposable {
    this.#qmpListeners.add(listener);
    return { [Symbol.dispose]: () => void this.#qmpListeners.delete(listener) };
  }

  get isAnnounced(): boolean {
    return this.#announced;
  }

  /** Its start has been told: what it said meanwhile follows. */
  announce(): void {
    this.#announced = true;
    for (const { body, timeMs } of this.#held.splice(0)) this.#listener?.event(body, timeMs);
  }

  /** Connects to the monitor; a second time after the connection broke. @throws QmpError */
  async connect(signal: AbortSignal | undefined, greetingTimeoutMs?: number): Promise<QmpConnection> {
    const qmp = await QmpConnection.open({
      path: qmpPath(this.allotment.directory),
      ...(signal ? { signal } : {}),
      ...(greetingTimeoutMs === undefined ? {} : { greetingTimeoutMs }),
      ...(this.#observe ? { observe: this.#observe } : {}),
      onEvent: (event) => this.#onEvent(event),
    });
    this.#qmp = qmp;
    this.#connected.resolve();
    void qmp.closed.then((reason) => {
      if (!this.#released && this.#qmp === qmp && !this.process.hasExited)
        this.#listener?.disconnected(reason);
    });
    return qmp;
  }

  /** Changes what is known of it, and writes that down. */
  update(change: Partial<Situation>): void {
    this.#situation = { ...this.#situation, ...change };
    this.save();
    this.#listener?.changed();
  }

  /** A device is gone. Answers it with the definition that had it; undefined when none has that alias. */
  forget(
    alias: string,
    without: (definition: IdentifiedDomain, gone: FoundDevice) => IdentifiedDomain,
  ): { readonly before: IdentifiedDomain; readonly gone: FoundDevice } | undefined {
    const before = this.#definition;
    const gone = allDevices(before.devices).find((each) => aliasOf(each) === alias);
    if (gone === undefined) return undefined;
    const cameLater = this.#deviations.includes(alias);
    this.#deviations = cameLater
      ? this.#deviations.filter((each) => each !== alias)
      : [...this.#deviations, alias];
    this.setDefinition(without(before, gone));
    return { before, gone };
  }

  setMigration(migration: InstanceMigration | undefined): void {
    this.#migration = migration;
    const { migrating: _, ...rest } = this.#situation;
    this.#situation = migration === undefined ? rest : { ...rest, migrating: migration.side };
    this.save();
  }

  setDefinition(definition: IdentifiedDomain): void {
    this.#definition = definition;
    this.save();
    this.#listener?.changed();
  }

  /** A change of its hardware begins; durable when it resolves. */
  async begin(change: HardwareChange): Promise<void> {
    this.#change = change;
    this.save();
    await this.flush();
  }

  /** The change is over: what runs now, with what was allotted to it meanwhile. */
  async conclude(now: {
    readonly definition?: IdentifiedDomain;
    readonly allotment?: Partial<Pick<Allotment, "taps" | "consoles" | "etag" | "secondNodes">>;
    readonly deviations?: readonly string[];
  }): Promise<void> {
    // A run that is over is written down no more.
    if (this.#released) return;
    this.#change = undefined;
    this.#allotment = { ...this.#allotment, ...now.allotment };
    this.#deviations = now.deviations ?? this.#deviations;
    this.setDefinition(now.definition ?? this.#definition);
    await this.flush();
  }

  /** Of one that was let go of nothing is written any more: its directory is being removed. */
  save(): void {
    if (this.#released) return;
    this.#writer.update(this.status());
  }

  /** Resolves when what was saved is durable. */
  flush(): Promise<void> {
    return this.#writer.flush();
  }

  status(): InstanceStatus {
    const { directory: _, ...allotted } = this.#allotment;
    const { pid, startTicks } = this.process;
    return {
      format: 1,
      uuid: this.#definition.uuid,
      name: this.#definition.name,
      process: { pid, startTicks },
      ...allotted,
      situation: this.#situation,
      xml: formatDomain(this.#definition, { secure: true }),
      ...(this.#migration === undefined ? {} : { migration: this.#migration }),
      ...(this.#deviations.length === 0 ? {} : { deviations: this.#deviations }),
      ...(this.#change === undefined ? {} : { change: this.#change }),
    };
  }

  /** Lets go of QEMU, which goes on. */
  async release(): Promise<void> {
    this.#released = true;
    this.#listener = undefined;
    this.#qmp?.close();
    this.process.release();
    await this.flush();
  }

  #onEvent(event: QmpEvent): void {
    const { situation, bodies } = translate(event, this.#situation);
    const changed = situation !== this.#situation;
    this.#situation = situation;
    const job = this.jobs.observe(event);
    if (
      event.event === "JOB_STATUS_CHANGE" &&
      event.data.status === "created" &&
      !this.jobs.find(event.data.id)
    ) {
      this.#meetJob();
    }
    if (changed) this.#listener?.changed();
    for (const body of bodies) this.#tell(body, event.timeMs);
    if (event.event === "BALLOON_CHANGE") this.#onBalloon(event.data.actual, event.timeMs);
    if (job) this.#tell({ kind: "blockJob", job }, event.timeMs);
    if (changed) this.save();
    for (const listener of [...this.#qmpListeners]) listener(event);
  }

  /** The guest has given memory back, or taken it. */
  #onBalloon(actual: number, timeMs: number): void {
    if (this.#definition.currentMemory?.bytes === BigInt(actual)) return;
    this.setDefinition({ ...this.#definition, currentMemory: { bytes: BigInt(actual) } });
    this.#tell(resourcesOf(this.#definition), timeMs);
  }

  /** A job that nobody announced: somebody uses the monitor beside us, or QEMU itself does. */
  #meetJob(): void {
    void this.#qmp?.execute("query-block-jobs").then(
      (jobs) => this.jobs.reconcile(jobs, () => undefined),
      // The connection's end is told elsewhere; without an answer the job stays unknown.
      () => undefined,
    );
  }

  #tell(body: HypervisorEventBody, timeMs: number): void {
    if (this.#announced) this.#listener?.event(body, timeMs);
    else this.#held.push({ body, timeMs });
  }
}

/** What a guest has of its host, as an event tells it. */
export function resourcesOf({ memory, currentMemory, vcpu }: IdentifiedDomain): HypervisorEventBody {
  return {
    kind: "resource",
    memoryBytes: currentMemory?.bytes ?? memory.bytes,
    maxMemoryBytes: memory.bytes,
    vcpus: vcpu.current ?? vcpu.count,
  };
}
