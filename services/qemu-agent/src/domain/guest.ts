import type { Call } from "@virtmesh/core/call";
import type { DomainState } from "@virtmesh/core/domain/state";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { ExitStatus } from "../process/qemu-process.ts";
import type { QmpArguments, QmpCommand, QmpResult } from "../qmp/commands.ts";
import type { ExecuteOptions, QmpConnection } from "../qmp/connection.ts";
import type { QmpEventListener } from "../qmp/events.ts";
import type { InstanceMigration } from "../state/instance-status.ts";
import { commandFailure } from "./failures.ts";
import type { Instance } from "./instance.ts";
import type { BlockJobs } from "./jobs.ts";
import { infoOf } from "./view.ts";

/** How the last run of a guest ended, in libvirt's words. */
export interface Ended {
  readonly state: Extract<DomainState, "shutoff" | "crashed">;
  readonly reason: string;
}

/** One guest of this host: its definition, and its run if it runs. Only `Guests` changes what it is made of. */
export class Guest {
  readonly uuid: DomainUuid;
  readonly name: string;
  /** The call that changes it at this moment: events it causes carry who asked. */
  cause: Call | undefined;
  #persistent: IdentifiedDomain | undefined;
  #instance: Instance | undefined;
  #last: IdentifiedDomain;
  #ended: Ended = { state: "shutoff", reason: "unknown" };
  #autostart = false;
  #info: DomainInfo | undefined;
  #still: PromiseWithResolvers<void> | undefined;

  constructor(definition: IdentifiedDomain) {
    this.uuid = definition.uuid;
    this.name = definition.name;
    this.#last = definition;
  }

  /** What runs, or will run at the next start. */
  get definition(): IdentifiedDomain {
    return this.#instance?.definition ?? this.#persistent ?? this.#last;
  }

  /** Absent for a transient guest. */
  get persistentDefinition(): IdentifiedDomain | undefined {
    return this.#persistent;
  }

  set persistentDefinition(definition: IdentifiedDomain | undefined) {
    this.#persistent = definition;
    if (definition) this.#last = definition;
    this.forgetInfo();
  }

  /** Absent when it does not run. */
  get instance(): Instance | undefined {
    return this.#instance;
  }

  set instance(instance: Instance | undefined) {
    if (instance === undefined && this.#instance) this.#last = this.#instance.definition;
    this.#instance = instance;
    // What held its CPUs is over with the run, and must not hold those of the next.
    if (instance === undefined) this.goOn();
    this.forgetInfo();
  }

  get ended(): Ended {
    return this.#ended;
  }

  set ended(ended: Ended) {
    this.#ended = ended;
    this.forgetInfo();
  }

  get autostart(): boolean {
    return this.#autostart;
  }

  set autostart(autostart: boolean) {
    this.#autostart = autostart;
    this.forgetInfo();
  }

  get state(): DomainState {
    return this.#instance?.situation.state ?? this.#ended.state;
  }

  get reason(): string {
    return this.#instance?.situation.reason ?? this.#ended.reason;
  }

  /** The run. @throws DOMAIN_NOT_RUNNING */
  get running(): Instance {
    if (this.#instance) return this.#instance;
    throw new VirtError("DOMAIN_NOT_RUNNING", `guest "${this.name}" does not run; start it first`, {
      resource: { type: "domain", name: this.name },
    });
  }

  /** The connection to its QEMU; its events come in their order. @throws DOMAIN_NOT_RUNNING, HYPERVISOR_UNRESPONSIVE */
  get qmp(): QmpConnection {
    const { qmp } = this.running;
    if (qmp?.isOpen) return qmp;
    throw new VirtError("HYPERVISOR_UNRESPONSIVE", `there is no connection to QEMU of guest "${this.name}"`);
  }

  /** Jobs of the run. @throws DOMAIN_NOT_RUNNING */
  get jobs(): BlockJobs {
    return this.running.jobs;
  }

  /** Resolves when the QEMU that runs now has ended. @throws DOMAIN_NOT_RUNNING */
  get exited(): Promise<ExitStatus> {
    return this.running.exited;
  }

  /** Hears its QEMU as long as it runs, whatever becomes of the connection. @throws DOMAIN_NOT_RUNNING */
  onQmpEvent(listener: QmpEventListener): Disposable {
    return this.running.onQmpEvent(listener);
  }

  /** A command whose failure is a VirtError that names the guest. */
  async execute<C extends QmpCommand>(
    command: C,
    args: QmpArguments<C>,
    options: ExecuteOptions = {},
  ): Promise<QmpResult<C>> {
    try {
      return await this.qmp.send(command, args, options);
    } catch (e) {
      throw commandFailure(this.name, e, options.signal);
    }
  }

  /**
   * Its CPUs stop and go from here on for a migration, and events say so. Written down: an agent that is started
   * anew finds it. undefined ends that.
   */
  async markMigrating(migration: InstanceMigration | undefined): Promise<void> {
    const { running } = this;
    running.setMigration(migration);
    await running.flush();
    if (migration === undefined) this.goOn();
  }

  /** Its CPUs must stand still until `goOn`, whatever else would let them go on. */
  standStill(): void {
    this.#still ??= Promise.withResolvers();
  }

  goOn(): void {
    this.#still?.resolve();
    this.#still = undefined;
  }

  /** Resolves when nothing speaks against its CPUs' going on. */
  get mayGoOn(): Promise<void> {
    return this.#still?.promise ?? Promise.resolve();
  }

  /** Ends QEMU at once, whatever it does; resolves when it is gone. The end is told like any other. */
  async kill(): Promise<void> {
    const { process, exited } = this.running;
    process.kill("SIGKILL");
    await exited;
  }

  get info(): DomainInfo {
    this.#info ??= infoOf(this);
    return this.#info;
  }

  /** Something that `info` shows has changed. */
  forgetInfo(): void {
    this.#info = undefined;
  }
}
