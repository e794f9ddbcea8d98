import type { Call } from "@virtmesh/core/call";
import { unary } from "@virtmesh/kit/grpc-server";
import type { AnswerCodec } from "../requests/memory.ts";
import type { ServiceContext } from "./context.ts";

/** What every request that changes something has. */
interface ChangeRequest {
  readonly uri: string;
  readonly requestId: string;
}

/** A method that changes something: for this agent, and remembered by its request id. */
export function changeMethod<Req extends ChangeRequest, Res>(
  c: ServiceContext,
  method: { readonly path: string; readonly requestSerialize: (request: Req) => Buffer },
  answer: AnswerCodec<Res>,
  work: (request: Req, call: Call) => Promise<Res>,
) {
  return unary((request: Req, call: Call): Promise<Res> => {
    c.checkUri(request.uri);
    const { requestId } = request;
    const body = requestId === "" ? Buffer.alloc(0) : method.requestSerialize(request);
    return c.requests.once({ requestId, method: method.path, actor: call.actor, body }, answer, () =>
      work(request, call),
    );
  });
}
