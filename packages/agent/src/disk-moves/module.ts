import {
  DiskMoved,
  DiskMoveServiceService,
  type MoveDiskRequest,
} from "@virtmesh/api/gen/virtmesh/v1/disk_move";
import { type Call, ownCall } from "@virtmesh/core/call";
import type { DiskMove, DiskMoveRun } from "@virtmesh/core/driver/disk-moves";
import { need } from "@virtmesh/core/driver/driver";
import { VirtError } from "@virtmesh/core/errors";
import { unary } from "@virtmesh/kit/grpc-server";
import type { Hold } from "../changes/queue.ts";
import type { Chassis, ServiceModule } from "../chassis.ts";
import { packAny } from "../operations/any.ts";
import type { RunningOperation } from "../operations/operations.ts";

const VERB = "move-disk";

/** Disks on their way to other storage of this host: the service, and what was under way when the agent ended. */
export async function diskMoveModule(chassis: Chassis): Promise<ServiceModule> {
  const adopted = new Set<string>();
  for (const move of (await chassis.driver.diskMoves?.pending()) ?? []) {
    await takeUp(chassis, move);
    adopted.add(move.id);
  }
  return {
    services: [
      {
        definition: DiskMoveServiceService,
        implementation: {
          moveDisk: unary((request: MoveDiskRequest, call: Call) => begin(chassis, request, call)),
        },
      },
    ],
    adopted,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

async function begin(c: Chassis, request: MoveDiskRequest, call: Call) {
  const run = need(c.driver, "diskMoves", "move");
  const domain = c.driver.domains.find(request.domain);
  if (domain === undefined)
    throw new VirtError("DOMAIN_NOT_FOUND", `there is no guest "${request.domain}" on ${c.host}`, {
      resource: { type: "domain", name: request.domain },
    });
  const { uuid, name } = domain;
  const move: DiskMove = {
    ...{ id: crypto.randomUUID(), uuid, disk: request.disk, path: request.path, format: request.format },
    removeSource: request.removeSource,
    bytesPerSecond: request.bandwidthBytesPerSecond,
  };
  const hold = await c.queue.acquire({ uuid, name }, holding(move), call);
  try {
    return await c.operations.start({ id: move.id, verb: VERB, uuid, name, call }, (op) =>
      perform(c, move, hold, op, call.trace, run),
    );
  } catch (e) {
    hold[Symbol.dispose]();
    throw e;
  }
}

async function takeUp(c: Chassis, move: DiskMove): Promise<void> {
  const resume = need(c.driver, "diskMoves", "resume");
  const name = c.driver.domains.find(move.uuid)?.name ?? move.uuid;
  const hold = c.queue.seize({ uuid: move.uuid, name }, holding(move));
  const call = { actor: "", requestId: "", trace: "" };
  await c.operations.adopt({ id: move.id, verb: VERB, uuid: move.uuid, name, call }, (op) =>
    perform(c, move, hold, op, "", resume),
  );
}

/** Nobody changes the guest meanwhile, but it may be ended: then the move sees that. */
function holding(move: DiskMove) {
  return { verb: VERB, operation: `operations/${move.id}`, exclusive: true, letGo: () => true };
}

async function perform(
  c: Chassis,
  move: DiskMove,
  hold: Hold,
  op: RunningOperation,
  trace: string,
  run: (
    move: DiskMove,
    run: DiskMoveRun,
    call: Call,
  ) => Promise<Omit<DiskMoved, "domainUuid" | "disk" | "path">>,
) {
  const { disk: target, path: destinationPath } = move;
  try {
    const moved = await run(
      move,
      {
        cancel: op.signal,
        progress: (now) => op.progress({ disk: { target, destinationPath, ...now } }),
      },
      ownCall(c.signal, trace),
    );
    const answer: DiskMoved = { domainUuid: move.uuid, disk: target, path: destinationPath, ...moved };
    return packAny("virtmesh.v1.DiskMoved", DiskMoved, answer);
  } finally {
    hold[Symbol.dispose]();
  }
}
