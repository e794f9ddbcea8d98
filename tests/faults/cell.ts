import { randomUUID } from "node:crypto";
import { watch } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { DomainServiceService } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { MigrationServiceService } from "@virtmesh/api/gen/virtmesh/v1/migration";
import { OperationServiceService } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { readJournals } from "@virtmesh/agent/migration/journal";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import { verifyWritten } from "@virtmesh/lab/guest/verify";
import { beginMigration, heldAt } from "./begin.ts";
import type { Cell } from "./cells/matrix.ts";
import { type Moment, tuningOf } from "./cells/moments.ts";
import type { Allowed, Scene } from "./cells/victims.ts";
import type { Chance } from "./lab/chance.ts";
import { BucketReader, type Findings, lookAround } from "./lab/inventory.ts";
import { untilStopped } from "./lab/stopped.ts";
import type { Seen } from "./lab/listener.ts";
import { BLOCK_BYTES, DISKS, GUEST, type Stage, type StageHost, UNTOUCHED_FROM } from "./lab/stage.ts";

/** What came of one cell in one round. */
export interface CellResult {
  readonly cell: string;
  readonly seed: string;
  readonly ok: boolean;
  readonly outcome: Findings["outcome"] | "unknown";
  /** Host on which the guest ran in the end; empty when nowhere. */
  readonly ranOn: string;
  /** From the blow to the migration being over and the guest running on; to its end where it runs nowhere. */
  readonly safeMs: number;
  /** What the whole cell took. */
  readonly tookMs: number;
  readonly leftovers: readonly string[];
  readonly problems: readonly string[];
  /** Everything that the machines were fed with, for replay. */
  readonly seen: readonly Seen[];
}

export interface CellOptions {
  /** How long something stands still or is swallowed. */
  readonly pauseMs: number;
}

/** From the mending on; nobody is waited for longer. */
const END_MS = 40_000;
/** What is being tidied up in the background may take so long. */
const TIDY_MS = 15_000;
const BEAT_MS = 15_000;

/** Strikes one victim at one moment and looks at what came of it. */
export async function runCell(
  stage: Stage,
  cell: Cell,
  chance: Chance,
  options: CellOptions,
): Promise<CellResult> {
  const began = performance.now();
  const run = new CellRun(stage, cell, chance, options);
  let problem: string | undefined;
  try {
    await run.play();
  } catch (e) {
    problem = messageOf(e);
  } finally {
    stage.points.release();
  }
  const problems = [...(problem === undefined ? [] : [problem]), ...run.problems];
  return {
    cell: cell.name,
    seed: chance.seed,
    ok: problems.length === 0 && run.leftovers.length === 0,
    outcome: run.outcome,
    ranOn: run.ranOn,
    safeMs: Math.round(run.safeMs),
    tookMs: Math.round(performance.now() - began),
    leftovers: run.leftovers,
    problems,
    seen: stage.points.seen.filter((s) => run.migration === "" || s.migration === run.migration),
  };
}

class CellRun {
  readonly problems: string[] = [];
  migration = "";
  outcome: CellResult["outcome"] = "unknown";
  ranOn = "";
  safeMs = 0;
  leftovers: readonly string[] = [];
  readonly #stage: Stage;
  readonly #cell: Cell;
  readonly #chance: Chance;
  readonly #options: CellOptions;
  readonly #source: StageHost;
  readonly #destination: StageHost;

  constructor(stage: Stage, cell: Cell, chance: Chance, options: CellOptions) {
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
    this.migration = await beginMigration(this.#stage, tuning === undefined ? {} : { tuning }, [
      ...waypoints(moment),
      ...places,
    ]);
    await this.#approach(moment);
    await heldAt(this.#stage, ...places);
    const scene: Scene = {
      stage: this.#stage,
      source: this.#source,
      destination: this.#destination,
      migration: this.migration,
      ports: portsOf(points.seen),
      pauseMs: this.#options.pauseMs,
    };
    const struckAt = performance.now();
    await victim.strike(scene);
    // In one round what is held goes on at once, in another only after the others have felt the blow.
    await delay(this.#chance.pick("release", [0, 0, 20, 200, 1_700]));
    points.release();
    await this.#letRun(moment);
    await delay(this.#chance.pick("mend", [0, 50, 400, 2_000]));
    await victim.mend?.(scene);
    if (moment.approach === "record-unreachable") mesh.nats.resume();
    await this.#over(AbortSignal.timeout(END_MS));
    await victim.tidy?.(scene);
    await mesh.complete();
    const findings = await this.#settled();
    this.outcome = findings.outcome;
    this.ranOn = findings.ranOn ?? "";
    this.leftovers = findings.leftovers;
    if (!(this.#cell.allowed as readonly string[]).includes(findings.outcome)) {
      this.problems.push(
        `the guest ${spoken(findings.outcome)}, and may only have ${this.#cell.allowed.map(spoken).join(" or ")}`,
      );
    }
    await this.#stage.movedTo(findings.owner);
    if (findings.ranOn !== undefined) {
      const beat = await this.#beats();
      this.safeMs = Math.max(beat, this.#endedAt() ?? beat) - struckAt;
      await this.#checkGuest();
    } else {
      this.safeMs = performance.now() - struckAt;
    }
  }

  /** Leads it there. */
  async #approach(moment: Moment): Promise<void> {
    const { points, mesh } = this.#stage;
    const [waypoint] = waypoints(moment);
    if (waypoint === undefined) return;
    await heldAt(this.#stage, waypoint);
    if (moment.approach === "record-unreachable") {
      mesh.nats.pause();
      await untilStopped(mesh.nats.pid);
    } else {
      const name = `operations/${this.migration}`;
      await this.#stage.call(this.#source, OperationServiceService.cancelOperation, {
        uri: this.#source.uri,
        name,
      });
    }
    points.go(waypoint);
  }

  /** Takes away the limits that led it there, where there is still something to limit. */
  async #letRun(moment: Moment): Promise<void> {
    if (moment.approach !== "slow-disks" && moment.approach !== "slow-memory") return;
    try {
      await this.#stage.call(
        this.#source,
        MigrationServiceService.tuneMigration,
        {
          ...{ uri: this.#source.uri, requestId: randomUUID(), id: this.migration },
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
    const ours = journals.filter((j) => j.header.offer.plan.id === this.migration);
    return ours.length > 0 && ours.every((j) => j.lines.some((l) => l.entry === "ended"));
  }

  async #where(): Promise<string> {
    const dirs = [this.#source, this.#destination].map((h) => join(h.stateDir, "migrations"));
    const journals = (await Promise.all(dirs.map(readJournals))).flat();
    return journals
      .filter((j) => j.header.offer.plan.id === this.migration)
      .map((j) => `${j.header.side} journalled ${j.lines.map((l) => l.entry).join(", ")}`)
      .join("; ");
  }

  #endedAt(): number | undefined {
    return this.#stage.points.seen.findLast((s) => s.kind === "finished")?.atMs;
  }

  /** The findings when nothing is left any more, or as they are after a while. */
  async #settled(): Promise<Findings> {
    await using buckets = new BucketReader(this.#stage);
    const before = { source: this.#source, destination: this.#destination, migration: this.migration };
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

  /** When the guest beat again after the blow. */
  async #beats(): Promise<number> {
    const { beats } = this.#stage;
    const last = beats.last?.sequence ?? 0;
    const beat = await beats.next((b) => b.sequence > last + 5, AbortSignal.timeout(BEAT_MS));
    return beat.arrivedMs;
  }

  /** Counts on from where it was, and finds every block that it wrote. */
  async #checkGuest(): Promise<void> {
    const { beats } = this.#stage;
    const home = this.#stage.home;
    const report = beats.report();
    if (report.wentBack > 0) this.problems.push(`the guest's count went back ${report.wentBack} times`);
    if ((beats.last?.wrongPages ?? 0) > 0)
      this.problems.push(`the guest found ${beats.last?.wrongPages} wrong pages of memory`);
    const change = { uri: home.uri, domain: GUEST };
    await this.#stage.call(home, DomainServiceService.suspendDomain, { ...change, requestId: randomUUID() });
    const finished = beats.last?.finishedWrites ?? [];
    await this.#checkDisks(home, finished, true);
    await this.#stage.call(home, DomainServiceService.resumeDomain, { ...change, requestId: randomUUID() });
  }

  async #checkDisks(host: StageHost, finished: readonly number[], whole: boolean): Promise<void> {
    for (const [writer, disk] of DISKS.entries()) {
      const written = await verifyWritten(
        { path: this.#stage.image(host, disk) },
        {
          writer,
          blockBytes: BLOCK_BYTES,
          ...(disk === "vdb" ? { spanBytes: UNTOUCHED_FROM } : {}),
          ...(whole ? { atLeast: finished[writer] ?? 0 } : {}),
        },
      );
      this.problems.push(...written.problems.map((p) => `${disk} on ${host.name}: ${p}`));
    }
  }
}

/** Where it is held on the way, for something that leads it to the moment. */
function waypoints({ approach }: Moment): readonly string[] {
  switch (approach) {
    case "cancelled":
      return ["source.startMirrors.done"];
    case "record-unreachable":
      return ["source.decide"];
    case "plain":
    case "slow-disks":
    case "slow-memory":
      return [];
  }
}

function portsOf(seen: readonly Seen[]): Scene["ports"] {
  const prepared = seen.find(
    (s) => s.kind === "fact" && (s.detail as { fact?: string }).fact === "peerPrepared",
  );
  if (prepared === undefined) return undefined;
  const { endpoints } = prepared.detail as {
    endpoints: { memoryAddress: string; exports: readonly { port: number }[] };
  };
  const memory = Number(endpoints.memoryAddress.split(":").at(-1));
  return { memory, disks: endpoints.exports[0]?.port ?? 0 };
}

function spoken(outcome: Allowed | Findings["outcome"]): string {
  switch (outcome) {
    case "moved":
      return "moved";
    case "stayed":
      return "stayed";
    case "nowhere":
      return "stopped";
    case "paused":
      return "stood still";
    case "twice":
      return "run twice";
  }
}
