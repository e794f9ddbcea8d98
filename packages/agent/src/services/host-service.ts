import type {
  GetCapabilitiesRequest,
  GetCapabilitiesResponse,
  GetHostRequest,
  Host,
} from "@virtmesh/api/gen/virtmesh/v1/host";
import { HostServiceService } from "@virtmesh/api/gen/virtmesh/v1/host";
import type { Call } from "@virtmesh/core/call";
import { need } from "@virtmesh/core/driver/driver";
import { unary } from "@virtmesh/kit/grpc-server";
import type { ServedService } from "../chassis.ts";
import { toWireHost } from "../convert/host.ts";
import type { ServiceContext } from "./context.ts";

export function hostService(c: ServiceContext): ServedService {
  return {
    definition: HostServiceService,
    implementation: {
      getHost: unary((request: GetHostRequest): Host => {
        c.checkUri(request.uri);
        return toWireHost(c.driver.host.info(), {
          uri: c.uris[0],
          host: c.host,
          hypervisor: c.hypervisor,
          version: c.version,
        });
      }),
      getCapabilities: unary(
        async (request: GetCapabilitiesRequest, call: Call): Promise<GetCapabilitiesResponse> => {
          c.checkUri(request.uri);
          return { xml: await need(c.driver, "host", "capabilities")(call) };
        },
      ),
    },
  };
}
