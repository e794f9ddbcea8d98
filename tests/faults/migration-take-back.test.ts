import { randomUUID } from "node:crypto";
import { AgentState, FleetServiceService } from "@virtmesh/api/gen/virtmesh/v1/agent";
import {
  MigrationServiceService,
  ResolutionChoice,
  ResolveMigrationRequest,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import { OperationMetadata, OperationServiceService } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { VirtError } from "@virtmesh/core/errors";
import { beginMigration, heldAt } from "./begin.ts";
import { VICTIMS, type Victim } from "./cells/victims.ts";
import { BucketReader, lookAround } from "./lab/inventory.ts";
import { Stage } from "./lab/stage.ts";

const { RESOLUTION_CHOICE_UNSPECIFIED, RESOLUTION_CHOICE_TAKE_BACK } = ResolutionChoice;
const PATIENCE_MS = 60_000;

function victim(name: string): Victim {
  const found = VICTIMS.find((v) => v.name === name);
  if (found === undefined) throw new Error(`there is no victim ${name}`);
  return found;
}

describe("a guest that was handed to a host which does not come back", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await Stage.start();
  }, 120_000);
  afterAll(() => stage?.[Symbol.asyncDispose](), 60_000);

  async function resolve(
    migration: string,
    choice: ResolutionChoice,
    destinationIsOff = false,
  ): Promise<readonly string[]> {
    const { home } = stage;
    const request = ResolveMigrationRequest.fromPartial({
      ...{ uri: home.uri, requestId: randomUUID(), id: migration, choice, destinationIsOff },
    });
    const { options } = await stage.call(home, MigrationServiceService.resolveMigration, request);
    return options.map((o) => o.refusal);
  }

  /** Until the mesh has given the host up, taking the guest back is refused. */
  async function lost(host: string): Promise<void> {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    for (;;) {
      const { agents } = await stage.mesh.unary(FleetServiceService.listAgents, { uri: "" }, signal);
      if (agents.some((a) => a.host === host && a.state === AgentState.AGENT_STATE_LOST)) return;
      signal.throwIfAborted();
    }
  }

  /** Whoever lists migrations is told, in a while. */
  async function saysWhatToDo(id: string): Promise<void> {
    const { uri } = stage.home;
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const news = stage.mesh.stream(
      OperationServiceService.watchOperation,
      { uri, name: `operations/${id}` },
      signal,
    );
    for await (const operation of news) {
      const { migration } = OperationMetadata.decode(operation.metadata?.value ?? new Uint8Array());
      if (migration?.stuckReason.includes("virtmesh migration resolve") === true) return;
    }
    throw new Error("the migration was over before it told what can be done about it");
  }

  async function tidy(
    migration: string,
    source: Stage["home"],
    destination: Stage["away"],
  ): Promise<unknown> {
    await using buckets = new BucketReader(stage);
    const until = performance.now() + PATIENCE_MS;
    for (;;) {
      const found = await lookAround(stage, { source, destination, migration }, buckets).catch(
        (e: unknown) => {
          if (!VirtError.is(e)) throw e;
          return undefined;
        },
      );
      if (found !== undefined && (found.leftovers.length === 0 || performance.now() > until))
        return { outcome: found.outcome, leftovers: found.leftovers };
    }
  }

  it.each([
    ["destination.resume", "destination-power", "had not let it run yet"],
    ["destination.running", "destination-agent", "lets it run still, whatever the operator said"],
  ])(
    "is taken back at an operator's word (%s, %s), and ended first of all by the agent of a host that %s",
    async (point, struck) => {
      const { home: source, away: destination } = stage;
      const migration = await beginMigration(stage, {}, [point]);
      await heldAt(stage, point);
      const scene = {
        ...{ stage, source, destination, operation: migration },
        ...{ targets: [], ports: undefined, pauseMs: 0 },
      };
      await victim(struck).strike(scene);
      stage.points.release();
      await expect(resolve(migration, RESOLUTION_CHOICE_TAKE_BACK, true)).rejects.toMatchObject({
        reason: "WRONG_STATE",
      });
      await lost(destination.name);
      const refusals = await resolve(migration, RESOLUTION_CHOICE_UNSPECIFIED);
      expect(refusals).toEqual(["", expect.stringContaining("switched off"), ""]);
      await saysWhatToDo(migration);

      const before = stage.beats.last?.sequence ?? 0;
      await resolve(migration, RESOLUTION_CHOICE_TAKE_BACK, true);
      await stage.beats.next((beat) => beat.sequence > before, AbortSignal.timeout(PATIENCE_MS));
      await destination.agent.restart();
      expect(await tidy(migration, source, destination)).toEqual({ outcome: "stayed", leftovers: [] });
    },
    200_000,
  );
});
