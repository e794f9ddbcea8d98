import type {
  Agent,
  GetAgentRequest,
  GetSupportRequest,
  GetSupportResponse,
} from "@virtmesh/api/gen/virtmesh/v1/agent";
import { AgentServiceService } from "@virtmesh/api/gen/virtmesh/v1/agent";
import { supportOf } from "@virtmesh/core/driver/driver";
import { unary } from "@virtmesh/kit/grpc-server";
import type { ServedService } from "../chassis.ts";
import type { ServiceContext } from "./context.ts";

export function agentService(c: ServiceContext): ServedService {
  return {
    definition: AgentServiceService,
    implementation: {
      getAgent: unary((request: GetAgentRequest): Agent => {
        c.checkUri(request.uri);
        return c.describeAgent();
      }),
      getSupport: unary((request: GetSupportRequest): GetSupportResponse => {
        c.checkUri(request.uri);
        return { methods: supportOf(c.driver) };
      }),
    },
  };
}
