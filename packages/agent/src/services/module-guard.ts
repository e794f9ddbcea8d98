import type {
  handleServerStreamingCall,
  handleUnaryCall,
  MethodDefinition,
  ServiceError,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { VirtError } from "@virtmesh/core/errors";
import { callOf, finishWith } from "@virtmesh/kit/grpc-server";
import type { Chassis, ServedService } from "../chassis.ts";

type Method = MethodDefinition<object, object>;
type Handler = UntypedServiceImplementation[string];

/**
 * Gives the services of a module what the agent's own have: a request for another agent is refused, and a change
 * that comes again with its request id gets the answer it had. Two-way methods see to it themselves, since what
 * they are asked comes in their messages.
 */
export function guardModule(c: Chassis, service: ServedService): ServedService {
  const implementation: UntypedServiceImplementation = {};
  for (const [name, method] of Object.entries(service.definition)) {
    const handler = service.implementation[name];
    if (handler !== undefined) implementation[name] = guardMethod(c, method, handler);
  }
  return { definition: service.definition, implementation };
}

function guardMethod(c: Chassis, method: Method, handler: Handler): Handler {
  if (method.requestStream) return handler;
  if (method.responseStream) return guardStream(c, handler as handleServerStreamingCall<object, object>);
  return guardUnary(c, method, handler as handleUnaryCall<object, object>);
}

function guardStream(
  c: Chassis,
  handler: handleServerStreamingCall<object, object>,
): handleServerStreamingCall<object, object> {
  return (call) => {
    try {
      c.checkUri(fieldOf(call.request, "uri"));
    } catch (e) {
      call.emit("error", finishWith(e));
      return;
    }
    handler(call);
  };
}

function guardUnary(
  c: Chassis,
  method: Method,
  handler: handleUnaryCall<object, object>,
): handleUnaryCall<object, object> {
  const codec = {
    encode: (answer: object) => ({ finish: () => method.responseSerialize(answer) }),
    decode: (bytes: Uint8Array) => method.responseDeserialize(Buffer.from(bytes)),
  };
  return (call, callback) => {
    const { request } = call;
    const requestId = fieldOf(request, "requestId");
    const perform = (): Promise<object> =>
      new Promise((resolve, reject) => {
        handler(call, (failure, answer) => {
          if (failure || !answer) reject(causeOf(failure));
          else resolve(answer);
        });
      });
    const answering = async (): Promise<void> => {
      try {
        c.checkUri(fieldOf(request, "uri"));
        const body = requestId === "" ? Buffer.alloc(0) : method.requestSerialize(request);
        const { actor } = callOf(call);
        callback(
          null,
          await c.requests.once({ requestId, method: method.path, actor, body }, codec, perform),
        );
      } catch (e) {
        callback(finishWith(e));
      }
    };
    // Never fails, and what it waits for is the handler, which the server waits for itself.
    void answering();
  };
}

/** The VirtError that a handler made its status from. */
function causeOf(failure: Partial<ServiceError> | null): VirtError {
  return VirtError.from(failure?.cause ?? failure);
}

function fieldOf(request: object, name: "uri" | "requestId"): string {
  const value: unknown = Reflect.get(request, name);
  return typeof value === "string" ? value : "";
}
