import type { Any } from "@virtmesh/api/gen/google/protobuf/any";
import { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import type { Status } from "@virtmesh/api/gen/google/rpc/status";
import { OperationMetadata } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { packAny } from "./any.ts";

/** One operation as it is at a moment. */
export interface OperationState {
  readonly id: string;
  readonly metadata: OperationMetadata;
  /** undefined while it runs. */
  readonly result:
    | { readonly $case: "error"; readonly value: Status }
    | { readonly $case: "response"; readonly value: Any }
    | undefined;
}

const PREFIX = "operations/";

export function operationName(id: string): string {
  return PREFIX + id;
}

/** The id in `operations/<id>`; undefined for another text. A bare id is taken too. */
export function operationId(name: string): string | undefined {
  const id = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name;
  return id === "" || id.includes("/") ? undefined : id;
}

export function toOperation(state: OperationState): Operation {
  return {
    name: operationName(state.id),
    metadata: packAny("virtmesh.v1.OperationMetadata", OperationMetadata, state.metadata),
    done: state.result !== undefined,
    result: state.result,
  };
}

/** One line of the operations' file. */
interface Entry {
  readonly op: string;
}

/** The form in which it is kept: the name for people, the whole as protobuf in base64. */
export function toEntry(state: OperationState): object {
  return {
    name: operationName(state.id),
    verb: state.metadata.verb,
    done: state.result !== undefined,
    op: Buffer.from(Operation.encode(toOperation(state)).finish()).toString("base64"),
  };
}

/** undefined when the entry is not one of ours. */
export function fromEntry(entry: unknown): OperationState | undefined {
  if (!isEntry(entry)) return undefined;
  const operation = Operation.decode(Buffer.from(entry.op, "base64"));
  const id = operationId(operation.name);
  if (id === undefined || operation.metadata === undefined) return undefined;
  return { id, metadata: OperationMetadata.decode(operation.metadata.value), result: operation.result };
}

function isEntry(entry: unknown): entry is Entry {
  return typeof entry === "object" && entry !== null && "op" in entry && typeof entry.op === "string";
}

/** The trace id in a W3C traceparent; empty when there is none. */
export function traceIdOf(traceparent: string): string {
  return /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(traceparent)?.[1] ?? "";
}
