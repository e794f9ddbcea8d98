import {
  DiskMoved,
  DiskMoveServiceService,
  type MoveDiskRequest,
} from "@virtmesh/api/gen/virtmesh/v1/disk_move";
import { type Call, ownCall } from "@virtmesh/core/call";
import type { DiskMove, DiskMoveFacet } from "@virtmesh/core/driver/disk-moves";
import { need } from "@virtmesh/core/driver/driver";
import { VirtError } from "@virtmesh/core/errors";
import { unary } from "@virtmesh/kit/grpc-server";
import type { Hold } from "../changes/queue.ts";
import type { Chassis, ServiceModule } from "../chassis.ts";
import type { FaultPoints } from "../migration/fault-points.ts";
import { packAny } from "../operations/any.ts";
import type { RunningOperation } from "../operations/operations.ts";

const VERB = "move-disk";

/** Disks on their way to other storage of this host: the service, and what was under way when the agent ended. */
export async function diskMoveModule(chassis: Chassis, points?: FaultPoints): Promise<ServiceModule> {
  const moves = new Moves(chassis, points);
  const adopted = await moves.recover();
  return {
    services: [
      {
        definition: DiskMoveServiceService,
        implementation: {
          moveDisk: unary((request: MoveDiskRequest, call: Call) => moves.begin(request, call)),
        },
      },
    ],
    adopted,
    [Symbol.asyncDispose]: () => moves[Symbol.asyncDispose](),
  };
}

class Moves implements AsyncDisposable {
  readonly #chassis: Chassis;
  readonly #points: FaultPoints | undefined;
  readonly #running = new Set<Promise<unknown>>();

  constructor(chassis: Chassis, points: FaultPoints | undefined) {
    this.#chassis = chassis;
    this.#points = points;
  }

  async begin(request: MoveDiskRequest, call: Call) {
    const { driver, host, queue, operations } = this.#chassis;
    const run = need(driver, "diskMoves", "move");
    const domain = driver.domains.find(request.domain);
    if (domain === undefined)
      throw new VirtError("DOMAIN_NOT_FOUND", `there is no guest "${request.domain}" on ${host}`, {
        resource: { type: "domain", name: request.domain },
      });
    const { uuid, name } = domain;
    const move: DiskMove = {
      ...{ id: crypto.randomUUID(), uuid, disk: request.disk, path: request.path, format: request.format },
      removeSource: request.removeSource,
      bytesPerSecond: request.bandwidthBytesPerSecond,
    };
    const hold = await queue.acquire({ uuid, name }, holding(move.id), call);
    try {
      return await operations.start({ id: move.id, verb: VERB, uuid, name, call }, (op) =>
        this.#perform(move, hold, op, call.trace, run),
      );
    } catch (e) {
      hold[Symbol.dispose]();
      throw e;
    }
  }

  /** @returns ids of the operations that go on */
  async recover(): Promise<ReadonlySet<string>> {
    const { driver, logger } = this.#chassis;
    const adopted = new Set<string>();
    for (const move of (await driver.diskMoves?.pending()) ?? []) {
      try {
        adopted.add(await this.#takeUp(move));
      } catch (err) {
        // Its record stays for the next start of the agent: the others must not wait for it.
        logger.error({ err, move: move.id }, "a move of a disk cannot be taken up");
      }
    }
    return adopted;
  }

  /** What stands between stopping a guest's CPUs and letting them go on comes to its end first. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  /** @returns the operation's id: a new one when the old one was given up and its move was not. */
  async #takeUp(move: DiskMove): Promise<string> {
    const { driver, queue, operations } = this.#chassis;
    const resume = need(driver, "diskMoves", "resume");
    const { uuid } = move;
    const name = driver.domains.find(uuid)?.name ?? uuid;
    const isOver = operations.list().some((o) => o.id === move.id && o.result !== undefined);
    const id = isOver ? crypto.randomUUID() : move.id;
    const hold = queue.seize({ uuid, name }, holding(id));
    const call = { actor: "", requestId: "", trace: "" };
    await operations.adopt({ id, verb: VERB, uuid, name, call }, (op) =>
      this.#perform(move, hold, op, "", resume),
    );
    return id;
  }

  async #perform(
    move: DiskMove,
    hold: Hold,
    op: RunningOperation,
    trace: string,
    run: DiskMoveFacet["move"],
  ) {
    const { disk: target, path: destinationPath } = move;
    using _hold = hold;
    const moving = run(
      move,
      {
        cancel: op.signal,
        progress: (now) => op.progress({ disk: { target, destinationPath, ...now } }),
        reached: (place) => this.#points?.hold(move.id, `diskMove.${place}`),
      },
      ownCall(this.#chassis.signal, trace),
    );
    this.#running.add(moving);
    try {
      const moved = await moving;
      const answer: DiskMoved = { domainUuid: move.uuid, disk: target, path: destinationPath, ...moved };
      return packAny("virtmesh.v1.DiskMoved", DiskMoved, answer);
    } finally {
      this.#running.delete(moving);
    }
  }
}

/** Nobody changes the guest meanwhile, but it may be ended: then the move sees that. */
function holding(id: string) {
  return { verb: VERB, operation: `operations/${id}`, exclusive: true, letGo: () => true };
}
