import type {
  CordonHostRequest,
  DrainHostRequest,
  GetCapabilitiesRequest,
  GetCapabilitiesResponse,
  GetHostRequest,
  Host,
  UncordonHostRequest,
} from "@virtmesh/api/gen/virtmesh/v1/host";
import { HostServiceService } from "@virtmesh/api/gen/virtmesh/v1/host";
import type { Call } from "@virtmesh/core/call";
import { need } from "@virtmesh/core/driver/driver";
import { VirtError } from "@virtmesh/core/errors";
import { unary } from "@virtmesh/kit/grpc-server";
import type { DrainHost, ServedService } from "../chassis.ts";
import { toWireHost } from "../convert/host.ts";
import type { ServiceContext } from "./context.ts";

/** `drain`: what the module of migrations has for it; undefined on an agent that cannot migrate. To be guarded. */
export function hostService(c: ServiceContext, drain: DrainHost | undefined): ServedService {
  const host = (): Host =>
    toWireHost(c.driver.host.info(), {
      uri: c.uris[0],
      host: c.host,
      hypervisor: c.hypervisor,
      version: c.version,
      cordoned: c.cordon.cordoned,
      cordonReason: c.cordon.reason,
    });
  return {
    definition: HostServiceService,
    implementation: {
      getHost: unary((_request: GetHostRequest): Host => host()),
      getCapabilities: unary(
        async (_request: GetCapabilitiesRequest, call: Call): Promise<GetCapabilitiesResponse> => {
          return { xml: await need(c.driver, "host", "capabilities")(call) };
        },
      ),
      cordonHost: unary(async (request: CordonHostRequest, call: Call): Promise<Host> => {
        await c.cordon.set(true, request.reason, call.actor);
        return host();
      }),
      uncordonHost: unary(async (_request: UncordonHostRequest, call: Call): Promise<Host> => {
        await c.cordon.set(false, "", call.actor);
        return host();
      }),
      drainHost: unary(async (request: DrainHostRequest, call: Call) => {
        if (drain !== undefined) return await drain(request, call);
        throw new VirtError(
          "UNSUPPORTED",
          `${c.host} cannot be drained: its guests cannot be migrated, for want of NATS or of a hypervisor that can`,
        );
      }),
    },
  };
}
