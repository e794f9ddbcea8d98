import type { MethodDefinition } from "@grpc/grpc-js";
import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import { Domain } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { OperationServiceService } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { fromRpcStatus } from "@virtmesh/kit/status";
import type { Subject } from "./subject.ts";

/** Begins long work and waits for its end. Throws what it ended with when that is an error. */
export async function perform<Q>(
  { client, uri, patienceMs }: Subject,
  method: MethodDefinition<Q, Operation>,
  request: Q,
): Promise<Operation> {
  const timeout = { seconds: BigInt(Math.ceil(patienceMs / 1000)), nanos: 0 };
  const { name } = await client.unary(method, request);
  const ended = await client.unary(OperationServiceService.waitOperation, { uri, name, timeout });
  if (ended.result?.$case === "error") throw fromRpcStatus(ended.result.value);
  if (!ended.done) throw new Error(`${name} did not end within ${timeout.seconds} s`);
  return ended;
}

/** What an operation answers, decoded. */
export function answerOf<T>(operation: Operation, codec: { decode(bytes: Uint8Array): T }): T {
  if (operation.result?.$case !== "response") throw new Error(`${operation.name} has no response`);
  return codec.decode(operation.result.value.value);
}

/** The same for work that answers the guest. */
export async function change<Q>(
  subject: Subject,
  method: MethodDefinition<Q, Operation>,
  request: Q,
): Promise<Domain> {
  return answerOf(await perform(subject, method, request), Domain);
}
