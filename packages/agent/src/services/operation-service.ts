import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import type {
  CancelOperationRequest,
  CancelOperationResponse,
  GetOperationRequest,
  ListOperationsRequest,
  ListOperationsResponse,
  WaitOperationRequest,
  WatchOperationRequest,
} from "@virtmesh/api/gen/virtmesh/v1/operation";
import { OperationServiceService } from "@virtmesh/api/gen/virtmesh/v1/operation";
import type { Call } from "@virtmesh/core/call";
import { serverStream, unary } from "@virtmesh/kit/grpc-server";
import type { ServedService } from "../chassis.ts";
import { millisecondsOf } from "../convert/duration.ts";
import { OPERATION_LISTING } from "../listing/operations.ts";
import { pageOf } from "../listing/page.ts";
import { toOperation } from "../operations/state.ts";
import type { ServiceContext } from "./context.ts";

export function operationService(c: ServiceContext): ServedService {
  const { operations } = c;
  return {
    definition: OperationServiceService,
    implementation: {
      listOperations: unary((request: ListOperationsRequest): ListOperationsResponse => {
        c.checkUri(request.uri);
        const page = pageOf(operations.list(), { ...request, orderBy: "" }, OPERATION_LISTING);
        return {
          operations: page.items.map(toOperation),
          nextPageToken: page.nextPageToken,
          unreachable: [],
        };
      }),
      getOperation: unary((request: GetOperationRequest): Operation => {
        c.checkUri(request.uri);
        return operations.get(request.name);
      }),
      cancelOperation: unary(async (request: CancelOperationRequest): Promise<CancelOperationResponse> => {
        c.checkUri(request.uri);
        await operations.cancel(request.name);
        return {};
      }),
      waitOperation: unary((request: WaitOperationRequest, call: Call): Promise<Operation> => {
        c.checkUri(request.uri);
        return operations.wait(request.name, millisecondsOf(request.timeout, "timeout"), call.signal);
      }),
      watchOperation: serverStream((request: WatchOperationRequest, call: Call) => {
        c.checkUri(request.uri);
        return operations.watch(request.name, call.signal);
      }),
    },
  };
}
