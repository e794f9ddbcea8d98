import { setTimeout as delay } from "node:timers/promises";
import { OperationServiceService } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { fromRpcStatus } from "@virtmesh/kit/status";
import { beginMigration, heldAt } from "./begin.ts";
import { checkRunning } from "./guest-check.ts";
import { Stage, type StageHost } from "./lab/stage.ts";

const END_S = 40;

describe("a guest that is moved again before all is over of the last time", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await Stage.start();
  }, 120_000);
  afterAll(() => stage?.[Symbol.asyncDispose](), 60_000);

  /** @returns why it failed; undefined when it did not */
  async function endOf(host: StageHost, id: string): Promise<string | undefined> {
    const { result } = await stage.call(
      host,
      OperationServiceService.waitOperation,
      { uri: host.uri, name: `operations/${id}`, timeout: { seconds: BigInt(END_S), nanos: 0 } },
      AbortSignal.timeout(END_S * 1000),
    );
    return result?.$case === "error" ? fromRpcStatus(result.value).message : undefined;
  }

  async function arrived(at: StageHost): Promise<void> {
    await stage.movedTo(at);
    expect(await stage.isUp()).toBe(true);
    expect(await checkRunning(stage, (disk) => stage.image(at, disk))).toEqual([]);
  }

  it("goes back while the host that it came from still clears up behind it", async () => {
    const { home, away } = stage;
    const there = await beginMigration(stage, {}, ["source.retire"]);
    await heldAt(stage, "source.retire");
    await stage.points.until(
      () => stage.points.seen.some((s) => s.kind === "finished" && s.side === "destination"),
      AbortSignal.timeout(END_S * 1000),
      "the destination did not let go",
    );
    await stage.movedTo(away);
    const back = beginMigration(stage, {}, ["source.retire"]);
    // Long enough for its question to meet a guest that has not left yet.
    await delay(500);
    stage.points.release();
    expect(await endOf(away, await back)).toBeUndefined();
    expect(await endOf(home, there)).toBeUndefined();
    await arrived(home);
  }, 120_000);

  it("goes when the network lets through what it had swallowed: an offer that was given up long ago", async () => {
    const { home, away } = stage;
    const first = await beginMigration(stage, {}, ["source.offer"]);
    await heldAt(stage, "source.offer");
    await home.namespace.blackhole(away.namespace);
    stage.points.release();
    expect(await endOf(home, first)).toContain("the destination agent is lost");
    await home.namespace.heal();
    expect(await endOf(home, await beginMigration(stage))).toBeUndefined();
    await arrived(away);
  }, 120_000);
});
