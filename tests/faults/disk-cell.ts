import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { DiskMoveServiceService, MoveDiskRequest } from "@virtmesh/api/gen/virtmesh/v1/disk_move";
import { OperationServiceService } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { VirtError } from "@virtmesh/core/errors";
import { heldAt } from "./begin.ts";
import type { CellOptions, CellResult, CellRun } from "./cell.ts";
import { MOVED_DISK } from "./cells/disk-moments.ts";
import type { DiskMoveCell } from "./cells/matrix.ts";
import { mendIn, type Scene } from "./cells/victims.ts";
import { checkDisks, checkRunning, nextBeat } from "./guest-check.ts";
import type { Chance } from "./lab/chance.ts";
import { type DiskFindings, lookAtDisk } from "./lab/disk-inventory.ts";
import { MIB, type Stage, type StageHost } from "./lab/stage.ts";

/** From the mending on; nobody is waited for longer. */
const END_MS = 40_000;
/** Slow enough to be under way when it is struck, faster than the guest writes. */
const SLOW = BigInt(32 * MIB);

/** A disk of the running guest that moves to other storage of its host, while something is struck. */
export class DiskMoveRun implements CellRun {
  readonly problems: string[] = [];
  id = "";
  outcome: CellResult["outcome"] = "unknown";
  ranOn = "";
  safeMs = 0;
  leftovers: readonly string[] = [];
  readonly #stage: Stage;
  readonly #cell: DiskMoveCell;
  readonly #chance: Chance;
  readonly #options: CellOptions;
  readonly #host: StageHost;
  readonly #from: string;
  readonly #to: string;

  constructor(stage: Stage, cell: DiskMoveCell, chance: Chance, options: CellOptions) {
    this.#stage = stage;
    this.#cell = cell;
    this.#chance = chance;
    this.#options = options;
    this.#host = stage.home;
    this.#from = stage.image(stage.home, MOVED_DISK);
    this.#to = stage.image(stage.home, `${MOVED_DISK}-moved`);
  }

  async play(): Promise<void> {
    const { moment, victim } = this.#cell;
    const { points, mesh } = this.#stage;
    await points.holdAt([moment.point], AbortSignal.timeout(END_MS));
    this.id = await this.#move(this.#to, moment.slow ? SLOW : 0n);
    await heldAt(this.#stage, moment.point);
    const scene: Scene = {
      stage: this.#stage,
      source: this.#host,
      destination: this.#stage.away,
      operation: this.id,
      targets: [this.#to],
      ports: undefined,
      pauseMs: this.#options.pauseMs,
    };
    const struckAt = performance.now();
    await victim.strike(scene);
    await delay(this.#chance.pick("release", [0, 0, 20, 200, 1_700]));
    points.release();
    await mendIn(this.#chance, victim, scene);
    await mesh.complete();
    const findings = await this.#settled();
    await victim.tidy?.(scene);
    this.outcome = findings.outcome;
    this.leftovers = findings.leftovers;
    this.ranOn = findings.outcome === "nowhere" ? "" : this.#host.name;
    const imageOf = (disk: string): string =>
      disk === MOVED_DISK ? findings.at : this.#stage.image(this.#host, disk);
    if (findings.outcome === "nowhere") {
      this.safeMs = performance.now() - struckAt;
      this.problems.push(...(await checkDisks(this.#stage, imageOf)));
      await this.#stage.boot();
    } else {
      this.safeMs = (await nextBeat(this.#stage)) - struckAt;
      this.problems.push(...(await checkRunning(this.#stage, imageOf)));
    }
    if (findings.at === this.#to) await this.#bringBack();
  }

  async #move(path: string, bandwidthBytesPerSecond: bigint): Promise<string> {
    const { uri } = this.#host;
    const request = MoveDiskRequest.fromPartial({
      ...{ uri, requestId: randomUUID(), domain: this.#stage.uuid, disk: MOVED_DISK, path },
      ...{ removeSource: true, bandwidthBytesPerSecond },
    });
    const operation = await this.#stage.call(this.#host, DiskMoveServiceService.moveDisk, request);
    return operation.name.replace("operations/", "");
  }

  /** To where the next cell looks for it; which shows, too, that it can still be moved. */
  async #bringBack(): Promise<void> {
    const name = `operations/${await this.#move(this.#from, 0n)}`;
    const { result } = await this.#stage.call(
      this.#host,
      OperationServiceService.waitOperation,
      { uri: this.#host.uri, name, timeout: { seconds: BigInt(END_MS / 1000), nanos: 0 } },
      AbortSignal.timeout(END_MS),
    );
    if (result?.$case !== "response")
      throw new VirtError("DEADLINE", `the disk could not be moved back: ${result?.value.message ?? "late"}`);
  }

  /** The findings when all is over and nothing is left, or as they are after a while. */
  async #settled(): Promise<DiskFindings> {
    const move = { id: this.id, host: this.#host, from: this.#from, to: this.#to };
    const until = performance.now() + END_MS;
    for (;;) {
      let findings: DiskFindings | undefined;
      try {
        findings = await lookAtDisk(this.#stage, move);
        if (findings.leftovers.length === 0) return findings;
      } catch (e) {
        if (performance.now() > until || !VirtError.is(e)) throw e;
      }
      if (findings !== undefined && performance.now() > until) return findings;
      await delay(100);
    }
  }
}
