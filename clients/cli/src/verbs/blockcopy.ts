import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import { DiskMoveServiceService, MoveDiskRequest } from "@virtmesh/api/gen/virtmesh/v1/disk_move";
import { VirtError } from "@virtmesh/core/errors";
import {
  cancelOperation,
  followOperation,
  metadataOf,
  operationJson,
  responseOf,
  throwIfFailed,
} from "../operations.ts";
import { clean } from "../output/table.ts";
import { formatBytes } from "../output/units.ts";
import { resolveTarget, type Session } from "../session.ts";
import { DOMAIN_ARGUMENT, type Verb } from "../verb.ts";

const MIB = 1024 ** 2;

function show(session: Session, operation: Operation): void {
  const { disk } = metadataOf(operation);
  if (session.globals.json) return session.terminal.object(operationJson(operation));
  if (disk === undefined || session.globals.quiet) return;
  const share = disk.totalBytes === 0n ? 0 : (100 * Number(disk.copiedBytes)) / Number(disk.totalBytes);
  session.terminal.note(
    `${clean(disk.target)}: ${formatBytes(disk.copiedBytes)} of ${formatBytes(disk.totalBytes)} (${share.toFixed(0)} %)`,
  );
}

export const blockcopy: Verb = {
  name: "blockcopy",
  group: "Devices and screens",
  summary: "move a disk of a running guest to other storage of its host",
  args: [
    DOMAIN_ARGUMENT,
    { name: "disk", help: "name in the guest: vda", completes: "guest-disk" },
    { name: "path", help: "where the new image is made; must not exist", completes: "file" },
  ],
  options: [
    { flags: "--pivot", help: "let the guest use the new image when it is complete; must be given" },
    {
      flags: "--format <format>",
      help: "of the new image; as the old one unless given",
      choices: ["raw", "qcow2"],
    },
    { flags: "--bandwidth <MiB/s>", help: "limit for the copy" },
    { flags: "--remove-source", help: "remove the old image then; it is kept unless given" },
    { flags: "--detach", help: "start it and return at once" },
  ],
  notes:
    "Ctrl-C cancels the move: until the pivot nothing has changed, after it everything has.\n" +
    "The guest stands still for a moment at the pivot.",
  async run(session, given) {
    if (!given.flag("pivot"))
      throw new VirtError(
        "INVALID_FIELD",
        "blockcopy moves a disk, so --pivot must be given; a copy beside the disk would be out of date at once",
      );
    const target = await resolveTarget(session, given.arg(0));
    const request = MoveDiskRequest.fromPartial({
      ...target,
      requestId: crypto.randomUUID(),
      disk: given.arg(1),
      path: given.arg(2),
      format: given.text("format"),
      removeSource: given.flag("removeSource"),
      bandwidthBytesPerSecond: BigInt(Math.round((given.number("bandwidth") ?? 0) * MIB)),
    });
    const begun = await session.rpc.unary(DiskMoveServiceService.moveDisk, request);
    const { name } = begun;
    if (given.flag("detach")) {
      if (session.globals.json) return session.terminal.object(operationJson(begun));
      return session.terminal.print(name);
    }
    const failed = Promise.withResolvers<never>();
    failed.promise.catch(() => undefined);
    using _interrupt = session.onInterrupt(
      () => void cancelOperation(session, target.uri, name).catch(failed.reject),
    );
    const operation = await Promise.race([
      followOperation(session, { uri: target.uri, name, begun: true }, (o) => show(session, o)),
      failed.promise,
    ]);
    throwIfFailed(operation);
    const moved = responseOf(operation, "virtmesh.v1.DiskMoved");
    if (moved === undefined) return;
    const old = moved.previousRemoved ? "removed" : "kept";
    session.terminal.say(
      `disk ${clean(moved.disk)} of '${clean(given.arg(0))}' is ${clean(moved.path)} now; ${clean(moved.previousPath)} is ${old}`,
    );
  },
};
