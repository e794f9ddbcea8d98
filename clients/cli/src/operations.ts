import { setTimeout as pause } from "node:timers/promises";
import { Any } from "@virtmesh/api/gen/google/protobuf/any";
import { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import { Status } from "@virtmesh/api/gen/google/rpc/status";
import { DiskMoved } from "@virtmesh/api/gen/virtmesh/v1/disk_move";
import { Domain } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { DrainReport } from "@virtmesh/api/gen/virtmesh/v1/host";
import { MigrationPreflight, MigrationReport } from "@virtmesh/api/gen/virtmesh/v1/migration";
import {
  CancelOperationRequest,
  OperationMetadata,
  OperationServiceService,
  WatchOperationRequest,
} from "@virtmesh/api/gen/virtmesh/v1/operation";
import { ListSnapshotsResponse, Snapshot } from "@virtmesh/api/gen/virtmesh/v1/snapshot";
import { VirtError } from "@virtmesh/core/errors";
import { fromRpcStatus } from "@virtmesh/kit/status";
import type { Session } from "./session.ts";

/** What can be packed in an operation, by the name in its type URL. */
const PACKED = {
  "virtmesh.v1.OperationMetadata": OperationMetadata,
  "virtmesh.v1.Domain": Domain,
  "virtmesh.v1.Snapshot": Snapshot,
  "virtmesh.v1.ListSnapshotsResponse": ListSnapshotsResponse,
  "virtmesh.v1.MigrationReport": MigrationReport,
  "virtmesh.v1.MigrationPreflight": MigrationPreflight,
  "virtmesh.v1.DrainReport": DrainReport,
  "virtmesh.v1.DiskMoved": DiskMoved,
} as const;

function typeName(any: Any): string {
  return any.typeUrl.slice(any.typeUrl.lastIndexOf("/") + 1);
}

/** The metadata of an operation; an empty one when it has none. */
export function metadataOf(operation: Operation): OperationMetadata {
  return operation.metadata === undefined
    ? OperationMetadata.fromPartial({})
    : OperationMetadata.decode(operation.metadata.value);
}

/** The answer of an operation that is done, when it is of that type. */
export function responseOf<K extends keyof typeof PACKED>(
  operation: Operation,
  type: K,
): ReturnType<(typeof PACKED)[K]["decode"]> | undefined {
  if (operation.result?.$case !== "response" || typeName(operation.result.value) !== type) return undefined;
  return PACKED[type].decode(operation.result.value.value) as ReturnType<(typeof PACKED)[K]["decode"]>;
}

/** Throws the error of an operation that failed. */
export function throwIfFailed(operation: Operation): void {
  if (operation.result?.$case === "error") throw fromRpcStatus(operation.result.value);
}

/** An operation in proto3's JSON form, with what it packs spelt out. */
export function operationJson(operation: Operation): unknown {
  const json = Operation.toJSON(operation) as Record<string, unknown>;
  if (operation.metadata !== undefined) json["metadata"] = anyJson(operation.metadata);
  if (operation.result?.$case === "response") json["response"] = anyJson(operation.result.value);
  if (operation.result?.$case === "error") {
    const error = fromRpcStatus(operation.result.value);
    json["error"] = {
      ...(Status.toJSON({ ...operation.result.value, details: [] }) as object),
      reason: error.reason,
    };
  }
  return json;
}

function anyJson(any: Any): unknown {
  const name = typeName(any);
  if (!(name in PACKED)) return Any.toJSON(any);
  const type = PACKED[name as keyof typeof PACKED];
  return { "@type": any.typeUrl, ...(type.toJSON(type.decode(any.value) as never) as object) };
}

export async function cancelOperation(
  session: Session,
  uri: string,
  name: string,
  signal?: AbortSignal,
): Promise<void> {
  await session.rpc.unary(
    OperationServiceService.cancelOperation,
    CancelOperationRequest.fromPartial({ uri, name }),
    signal,
  );
}

/** How long an operation may be out of reach before we give up following it. */
const SILENCE_MS = 60_000;

/**
 * Follows an operation to its end and gives its last form. Its agent or the gateway may be restarted meanwhile:
 * an operation that was there survives that, so the watch is taken up again, for a minute. `begun`: this command
 * has seen it begin.
 */
export async function followOperation(
  session: Session,
  { uri, name, begun }: { readonly uri: string; readonly name: string; readonly begun: boolean },
  onChange: (operation: Operation) => void,
  signal: AbortSignal = session.signal,
): Promise<Operation> {
  const request = WatchOperationRequest.fromPartial({ uri, name });
  const watch = OperationServiceService.watchOperation;
  let heardAt = begun ? Date.now() : undefined;
  for (let pauseMs = 100; ; pauseMs = Math.min(pauseMs * 2, 3000)) {
    try {
      for await (const operation of session.rpc.stream(watch, request, signal)) {
        heardAt = Date.now();
        pauseMs = 100;
        onChange(operation);
        if (operation.done) return operation;
      }
    } catch (e) {
      if (heardAt === undefined || Date.now() - heardAt > SILENCE_MS || !mayPass(e)) throw e;
    }
    // Behind a gateway nothing tells us that the agent is back; asking again is the only way.
    await pause(pauseMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/** A gateway that has just started may not know its agents yet. */
function mayPass(e: unknown): boolean {
  if (!VirtError.is(e)) return false;
  return e.code === "UNAVAILABLE" || e.reason === "UNKNOWN_HOST" || e.reason === "UNKNOWN_SCHEME";
}
