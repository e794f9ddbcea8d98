import { etagOf } from "@virtmesh/agent/guests/definition";
import type { DefinitionStore } from "@virtmesh/agent/guests/definition-store";
import { KeptGuests } from "@virtmesh/agent/guests/kept-guests";
import { isAlive } from "@virtmesh/agent/machine/process-stat";
import type { Call } from "@virtmesh/core/call";
import { messageOf } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import { formatDomain } from "@virtmesh/documents/domain/document";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { Scope } from "@virtmesh/kit/scope";
import type { MeshLogger } from "@virtmesh/mesh/logger";
import { askState, type Held, hold } from "../lxc/command.ts";
import type { LxcRecord } from "../lxc/records.ts";
import { runLxc } from "../lxc/tools.ts";
import type { CgroupVersion } from "../native/limits.ts";
import { Container, type Run, type RunDisk } from "./container.ts";
import { deviceFor, giveBack } from "./disks.ts";
import { RunGuard } from "./guard.ts";
import { endProcess } from "./init.ts";
import { configOf, endedAtOnce, launch, sweep, whereItRuns, withoutPairs, withPairs } from "./launch.ts";
import type { ContainerFolder, RunStatus } from "./status.ts";
import { BOOTED, compare, endingOf } from "./story.ts";

export interface ContainersOptions {
  readonly folder: ContainerFolder;
  readonly definitions: DefinitionStore;
  readonly cgroup: CgroupVersion;
  readonly logger: MeshLogger;
}

/** How long a container may take to freeze, thaw or end. */
const PATIENCE_MS = 10_000;

/** Every container of this host. Changes of one come one after the other; the caller sees to that. */
export class Containers extends KeptGuests<Container> implements AsyncDisposable {
  readonly #o: ContainersOptions;
  /** Called at every change of a run. */
  readonly #changed = new Set<() => void>();
  readonly #scope = new Scope();
  #lastId = 0;

  constructor(options: ContainersOptions) {
    super("container", options.definitions);
    this.#o = options;
  }

  candidate(definition: IdentifiedDomain): Container {
    return new Container(definition);
  }

  /** @throws HYPERVISOR_FAILED and what its devices throw; then nothing of it is left */
  async start(
    container: Container,
    given: IdentifiedDomain,
    options: { readonly paused: boolean },
    c: Call,
  ): Promise<void> {
    const { folder, cgroup } = this.#o;
    const definition = withPairs(given);
    const id = (this.#lastId += 1);
    const disks: Record<string, RunDisk> = {};
    await folder.create(container.uuid);
    let held: Held | undefined;
    try {
      for (const disk of definition.devices.disks) disks[disk.target.dev] = await deviceFor(disk, c.signal);
      const status = {
        format: 1 as const,
        uuid: container.uuid,
        name: container.name,
        id,
        startTimeMs: Date.now(),
        etag: etagOf(given),
        xml: xmlOf(definition),
        disks,
      };
      await folder.save(status);
      // Records of the start come before it is known where it runs, and say nothing.
      const { init, places } = await launch(
        folder,
        definition,
        configOf(definition, disks, cgroup),
        c.signal,
      );
      held = await hold(folder.path, container.uuid);
      if (held === undefined) throw endedAtOnce(container.name);
      await folder.save({ ...status, init });
      container.run = {
        ...status,
        definition,
        init,
        places,
        standing: BOOTED,
        guard: undefined,
        destroyed: false,
        ended: Promise.withResolvers(),
      };
    } catch (e) {
      await this.#giveBack(container.uuid, disks);
      throw e;
    }
    this.add(container);
    const { run } = container;
    await this.during(container, c, async () => {
      this.events.lifecycle(container, "started", "booted");
      this.#guard(container, run, held);
      if (options.paused) await this.freeze(container, c);
    });
  }

  /** Ends a container at once; resolves when nothing of the run is left. */
  async destroy(container: Container, c?: Call): Promise<void> {
    const { running } = container;
    running.destroyed = true;
    await this.during(container, c, async () => {
      try {
        await runLxc("lxc-stop", ["-P", this.#o.folder.path, "-n", container.uuid, "--kill"]);
      } catch (e) {
        if (container.run === running) {
          this.#o.logger.warn(
            { err: e, domain: container.name },
            "LXC could not end a container; its first process is killed",
          );
          await endProcess(running.init);
        }
      }
      await running.ended.promise;
    });
  }

  /** Its processes stand still. */
  async freeze(container: Container, c: Call): Promise<void> {
    await this.#turn(container, "lxc-freeze", "paused", c);
  }

  async thaw(container: Container, c: Call): Promise<void> {
    await this.#turn(container, "lxc-unfreeze", "running", c);
  }

  /**
   * Lets a container use a disk, or no longer. LXC does it: the first version of control groups has a file for it, the second
   * a program in the kernel that LXC has put there. @throws HYPERVISOR_FAILED
   */
  async permit(container: Container, verb: "allow" | "deny", disk: RunDisk, c: Call): Promise<void> {
    const { folder } = this.#o;
    const rule = [`devices.${verb}`, `b ${disk.number} rwm`];
    try {
      await runLxc("lxc-cgroup", ["-P", folder.path, "-n", container.uuid, ...rule], c.signal);
    } catch (e) {
      c.signal.throwIfAborted();
      throw container.error(
        "HYPERVISOR_FAILED",
        `is not ${verb === "allow" ? "given" : "rid of"} disk ${disk.device}: ${messageOf(e)}`,
      );
    }
  }

  /** Sends a signal to the first process. @throws DOMAIN_NOT_RUNNING */
  signal(container: Container, signal: number): void {
    const { init } = container.running;
    if (isAlive(init.pid, init.startTicks)) process.kill(init.pid, signal);
  }

  /** What runs is another definition from here on. */
  async redefine(
    container: Container,
    definition: IdentifiedDomain,
    disks = container.running.disks,
  ): Promise<void> {
    const { running } = container;
    running.definition = definition;
    running.etag = etagOf(withoutPairs(definition));
    running.disks = disks;
    await this.#save(container, running);
  }

  /** A record of LXC's monitor. */
  hear(record: LxcRecord): void {
    this.get(record.container as DomainUuid)?.run?.guard?.hear(record);
  }

  /** Records may have been lost: looks at every container that runs. */
  reconcile(): void {
    for (const { name, run } of this.all()) {
      const guard = run?.guard;
      if (guard === undefined) continue;
      this.#scope.run(
        () => guard.reconcile(),
        (e) => this.#o.logger.warn({ err: e, domain: name }, "a container did not say how it is"),
      );
    }
  }

  /** Takes up what an earlier agent left running, and tells of what has ended meanwhile. */
  async reattach(statuses: readonly RunStatus[], read: (xml: string) => IdentifiedDomain): Promise<void> {
    for (const status of statuses) {
      this.#lastId = Math.max(this.#lastId, status.id);
      await this.#reattachOne(status, read(status.xml));
    }
  }

  /** Lets go of all; they run on. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { run } of this.all()) run?.guard?.[Symbol.dispose]();
    await this.#scope[Symbol.asyncDispose]();
  }

  async #reattachOne(status: RunStatus, definition: IdentifiedDomain): Promise<void> {
    const { folder, logger } = this.#o;
    const { uuid, init } = status;
    const held = await hold(folder.path, uuid);
    const where = held && (await whereItRuns(folder, uuid));
    const container = this.get(uuid) ?? new Container(definition);
    if (held === undefined || where === undefined || init === undefined) {
      held?.[Symbol.dispose]();
      // Nobody was told of a start that was cut short; a container without its monitor cannot be managed any more.
      if (held !== undefined && init === undefined)
        await runLxc("lxc-stop", ["-P", folder.path, "-n", uuid, "--kill"]);
      else if (init !== undefined) await endProcess(init);
      await this.#giveBack(uuid, status.disks);
      if (init === undefined) return;
      container.ended = { state: "shutoff", reason: "unknown" };
      logger.warn({ domain: status.name }, "a container ended while no agent was there");
      this.events.lifecycle(container, "stopped", "unknown", { reconciled: true });
      return;
    }
    const run: Run = {
      ...status,
      ...where,
      definition,
      standing: BOOTED,
      guard: undefined,
      destroyed: false,
      ended: Promise.withResolvers(),
    };
    container.run = run;
    this.add(container);
    // How it stands is no news: only what changed while nobody looked would be, and that is not known.
    run.standing = compare(run.standing, await askState(folder.path, uuid)).standing;
    this.#guard(container, run, held);
    logger.info({ domain: status.name, pid: run.init.pid }, "a running container was taken up");
  }

  #guard(container: Container, run: Run, held: Held): void {
    const onProblem = (err: unknown): void =>
      this.#o.logger.error(
        { err, domain: container.name },
        "a container was not looked after as it should be",
      );
    run.guard = new RunGuard(container, run, held, {
      folder: this.#o.folder,
      onTold: ({ type, detail }, reconciled) =>
        this.events.lifecycle(container, type, detail, reconciled ? { reconciled } : {}),
      onMoved: () => this.#save(container, run),
      onChange: () => {
        for (const listener of [...this.#changed]) listener();
      },
      onOver: () => {
        const reason = endingOf(run.standing, run.destroyed);
        container.remember(run.definition);
        container.run = undefined;
        container.ended = { state: "shutoff", reason };
        this.#scope.run(
          () => this.#tidy(container, run, reason),
          (e) => {
            onProblem(e);
            run.ended.resolve();
          },
        );
      },
      onProblem,
    });
  }

  /** The run is over; what it used is given back, and then it is told. */
  async #tidy(container: Container, run: Run, reason: string): Promise<void> {
    // Its monitor may have been killed, and what it guarded runs on.
    await endProcess(run.init);
    await sweep(run.places);
    await this.#giveBack(container.uuid, run.disks);
    if (container.persistent === undefined) this.remove(container);
    this.events.lifecycle(container, "stopped", reason);
    run.ended.resolve();
  }

  async #turn(container: Container, tool: string, wanted: Run["standing"]["state"], c: Call): Promise<void> {
    const { running } = container;
    await runLxc(tool, ["-P", this.#o.folder.path, "-n", container.uuid], c.signal);
    const reached = Promise.withResolvers<void>();
    const look = (): void => {
      if (running.standing.state === wanted || container.run !== running) reached.resolve();
    };
    // LXC has done it; should its monitor not say so, it is asked.
    const timer = setTimeout(() => this.reconcile(), PATIENCE_MS);
    this.#changed.add(look);
    look();
    try {
      await Promise.race([reached.promise, running.ended.promise]);
    } finally {
      clearTimeout(timer);
      this.#changed.delete(look);
    }
  }

  async #save({ uuid, name }: Container, run: Run): Promise<void> {
    const { id, startTimeMs, etag, init, disks } = run;
    await this.#o.folder.save({
      format: 1,
      uuid,
      name,
      id,
      startTimeMs,
      etag,
      xml: xmlOf(run.definition),
      init,
      disks,
    });
  }

  async #giveBack(uuid: DomainUuid, disks: Readonly<Record<string, RunDisk>>): Promise<void> {
    for (const disk of Object.values(disks)) {
      await giveBack(disk).catch((e: unknown) =>
        this.#o.logger.warn({ err: e, disk }, "a loop device was left behind"),
      );
    }
    await this.#o.folder.remove(uuid);
  }
}

function xmlOf(definition: IdentifiedDomain): string {
  return formatDomain(definition, { secure: true });
}
