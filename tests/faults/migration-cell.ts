import { randomUUID } from "node:crypto";
import { watch } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { MigrationServiceService } from "@virtmesh/api/gen/virtmesh/v1/migration";
import { OperationServiceService } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { readJournals } from "@virtmesh/agent/migration/journal";
import { VirtError } from "@virtmesh/core/errors";
import { fromRpcStatus } from "@virtmesh/kit/status";
import { beginMigration, heldAt } from "./begin.ts";
import type { CellOptions, CellResult, CellRun } from "./cell.ts";
import type { MigrationCell } from "./cells/matrix.ts";
import { isPostcopy, type Moment, tuningOf } from "./cells/moments.ts";
import { mendIn, reset, type Scene } from "./cells/victims.ts";
import type { Chance } from "./lab/chance.ts";
import { BucketReader, type Findings, lookAround } from "./lab/inventory.ts";
import { untilStopped } from "./lab/stopped.ts";
import type { Seen } from "./lab/listener.ts";
import { checkRunning, nextBeat } from "./guest-check.ts";
import { DISKS, type Stage, type StageHost } from "./lab/stage.ts";

/** From the mending on; nobody is waited for longer. */
const END_MS = 60_000;
/** What is being tidied up in the background may take so long. */
const TIDY_MS = 30_000;

interface Waypoint {
  readonly point: string;
  act(): Promise<void>;
}

/** A migration in which something is struck. */
export class MigrationRun implements CellRun {
  readonly problems: string[] = [];
  /** Of the operation, too. */
  id = "";
  outcome: CellResult["outcome"] = "unknown";
  ranOn = "";
  safeMs = 0;
  leftovers: readonly string[] = [];
  readonly #stage: Stage;
  readonly #cell: MigrationCell;
  readonly #chance: Chance;
  readonly #options: CellOptions;
  readonly #source: StageHost;
  readonly #destination: StageHost;

  constructor(stage: Stage, cell: MigrationCell, chance: Chance, options: CellOptions) {
    this.#stage = stage;
    this.#cell = cell;
    this.#chance = chance;
    this.#options = options;
    this.#source = stage.home;
    this.#destination = stage.away;
  }

  async play(): Promise<void> {
    const { moment, victim } = this.#cell;
    const { points, mesh } = this.#stage;
    const places = [moment.point, ...(moment.orPoint === undefined ? [] : [moment.orPoint])];
    const tuning = tuningOf(moment.approach);
    const way = this.#way(moment);
    this.id = await beginMigration(
      this.#stage,
      { postcopy: isPostcopy(moment.approach), ...(tuning === undefined ? {} : { tuning }) },
      [...way.map(({ point }) => point), ...places],
    );
    for (const waypoint of way) {
      await heldAt(this.#stage, waypoint.point);
      await waypoint.act();
      points.go(waypoint.point);
    }
    await heldAt(this.#stage, ...places);
    const scene = this.#scene();
    const struckAt = performance.now();
    await victim.strike(scene);
    // In one round what is held goes on at once, in another only after the others have felt the blow.
    await delay(this.#chance.pick("release", [0, 0, 20, 200, 1_700]));
    points.release();
    await this.#letRun();
    await mendIn(this.#chance, victim, scene);
    // An agent that was away has not heard it, and in post-copy goes on where it was.
    if (isPostcopy(moment.approach)) await this.#letRun();
    if (moment.approach === "record-unreachable") mesh.nats.resume();
    await this.#over(AbortSignal.timeout(END_MS));
    await victim.tidy?.(scene);
    await mesh.complete();
    const findings = await this.#settled();
    const outcome =
      findings.outcome === "nowhere" && (await this.#reason()) === "GUEST_LOST" ? "lost" : findings.outcome;
    this.outcome = outcome;
    this.ranOn = findings.ranOn ?? "";
    this.leftovers = findings.leftovers;
    await this.#stage.movedTo(findings.owner);
    if (findings.ranOn !== undefined) {
      const beat = await nextBeat(this.#stage);
      this.safeMs = Math.max(beat, this.#endedAt() ?? beat) - struckAt;
      this.problems.push(
        ...(await checkRunning(this.#stage, (disk) => this.#stage.image(this.#stage.home, disk))),
      );
    } else {
      this.safeMs = performance.now() - struckAt;
    }
  }

  #scene(): Scene {
    return {
      stage: this.#stage,
      source: this.#source,
      destination: this.#destination,
      operation: this.id,
      targets: DISKS.map((disk) => this.#stage.image(this.#destination, disk)),
      ports: portsOf(this.#stage.points.seen),
      pauseMs: this.#options.pauseMs,
    };
  }

  /** Where it is held on the way, and what is done there so that it comes to the moment. */
  #way({ approach }: Moment): readonly Waypoint[] {
    const switchOver = { point: "source.sendMemory.done", act: () => this.#startPostcopy() };
    const pulling = "source.peerPulling";
    switch (approach) {
      case "cancelled":
        return [{ point: "source.startMirrors.done", act: () => this.#cancel() }];
      case "record-unreachable":
        return [{ point: "source.decide", act: () => this.#silenceNats() }];
      case "postcopy":
        return [switchOver];
      case "postcopy-broken":
        return [switchOver, { point: pulling, act: () => reset(this.#scene(), this.#scene().ports?.memory) }];
      case "postcopy-fetched":
        return [switchOver, { point: pulling, act: () => this.#letRun() }];
      case "plain":
      case "slow-disks":
      case "slow-memory":
        return [];
    }
  }

  async #cancel(): Promise<void> {
    const request = { uri: this.#source.uri, name: `operations/${this.id}` };
    await this.#stage.call(this.#source, OperationServiceService.cancelOperation, request);
  }

  async #silenceNats(): Promise<void> {
    const { nats } = this.#stage.mesh;
    nats.pause();
    await untilStopped(nats.pid);
  }

  async #startPostcopy(): Promise<void> {
    const request = { uri: this.#source.uri, requestId: randomUUID(), id: this.id };
    await this.#stage.call(this.#source, MigrationServiceService.startPostcopy, request);
  }

  /** Takes away the limits that led it there, where there is still something to limit. */
  async #letRun(): Promise<void> {
    if (tuningOf(this.#cell.moment.approach) === undefined) return;
    try {
      await this.#stage.call(
        this.#source,
        MigrationServiceService.tuneMigration,
        {
          ...{ uri: this.#source.uri, requestId: randomUUID(), id: this.id },
          ...{ tuning: undefined, updateMask: undefined },
        },
        AbortSignal.timeout(3_000),
      );
    } catch (e) {
      // It may be over, its agent gone or stopped, or its QEMU dead: then there is nothing to let run.
      if (!VirtError.is(e)) throw e;
    }
  }

  /** Resolves when neither side has an unfinished journal of it. */
  async #over(signal: AbortSignal): Promise<void> {
    const dirs = [this.#source, this.#destination].map((h) => join(h.stateDir, "migrations"));
    const done = new AbortController();
    let changed = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => changed.resolve(), { signal: done.signal });
    const watching = dirs.map(async (dir) => {
      try {
        for await (const _ of watch(dir, { signal: done.signal })) changed.resolve();
      } catch (e) {
        if (!done.signal.aborted) throw e;
      }
    });
    try {
      while (!(await this.#allEnded(dirs))) {
        if (signal.aborted)
          throw new VirtError("DEADLINE", `the migration did not end: ${await this.#where()}`);
        await changed.promise;
        changed = Promise.withResolvers<void>();
      }
    } finally {
      done.abort();
      await Promise.all(watching);
    }
  }

  async #allEnded(dirs: readonly string[]): Promise<boolean> {
    const journals = (await Promise.all(dirs.map(readJournals))).flat();
    const ours = journals.filter((j) => j.header.offer.plan.id === this.id);
    return ours.length > 0 && ours.every((j) => j.lines.some((l) => l.entry === "ended"));
  }

  async #where(): Promise<string> {
    const dirs = [this.#source, this.#destination].map((h) => join(h.stateDir, "migrations"));
    const journals = (await Promise.all(dirs.map(readJournals))).flat();
    return journals
      .filter((j) => j.header.offer.plan.id === this.id)
      .map((j) => `${j.header.side} journalled ${j.lines.map((l) => l.entry).join(", ")}`)
      .join("; ");
  }

  /** What the user is told of how it failed; undefined when it did not. */
  async #reason(): Promise<string | undefined> {
    const request = { uri: this.#source.uri, name: `operations/${this.id}` };
    const { result } = await this.#stage.call(this.#source, OperationServiceService.getOperation, request);
    return result?.$case === "error" ? fromRpcStatus(result.value).reason : undefined;
  }

  #endedAt(): number | undefined {
    return this.#stage.points.seen.findLast((s) => s.kind === "finished")?.atMs;
  }

  /** The findings when nothing is left any more, or as they are after a while. */
  async #settled(): Promise<Findings> {
    await using buckets = new BucketReader(this.#stage);
    const before = { source: this.#source, destination: this.#destination, migration: this.id };
    const until = performance.now() + TIDY_MS;
    for (;;) {
      let findings: Findings | undefined;
      try {
        findings = await lookAround(this.#stage, before, buckets);
        if (findings.leftovers.length === 0) return findings;
      } catch (e) {
        if (performance.now() > until || !VirtError.is(e)) throw e;
      }
      if (findings !== undefined && performance.now() > until) return findings;
      await delay(100);
    }
  }
}

/** Where the destination takes memory and disks; memory by the latest door that it has opened. */
function portsOf(seen: readonly Seen[]): Scene["ports"] {
  const said = (fact: string): Seen | undefined =>
    seen.findLast((s) => s.kind === "fact" && (s.detail as { fact?: string }).fact === fact);
  const prepared = said("peerPrepared");
  if (prepared === undefined) return undefined;
  const { endpoints } = prepared.detail as {
    endpoints: { memoryAddress: string; exports: readonly { port: number }[] };
  };
  const reopened = said("peerRecoverable")?.detail as { address: string } | undefined;
  const memory = Number((reopened?.address ?? endpoints.memoryAddress).split(":").at(-1));
  return { memory, disks: endpoints.exports[0]?.port ?? 0 };
}
