import type {
  CancelBlockJobRequest,
  ListBlockJobsRequest,
  ListBlockJobsResponse,
} from "@virtmesh/api/gen/virtmesh/v1/block_job";
import {
  BlockJobServiceService,
  CancelBlockJobRequest as CancelCodec,
  CancelBlockJobResponse,
} from "@virtmesh/api/gen/virtmesh/v1/block_job";
import type { Call } from "@virtmesh/core/call";
import { need } from "@virtmesh/core/driver/driver";
import { unary } from "@virtmesh/kit/grpc-server";
import type { ServedService } from "../chassis.ts";
import { toWireBlockJob } from "../convert/block-job.ts";
import type { ServiceContext } from "./context.ts";
import { findDomain } from "./context.ts";

/** A cancel does not queue: it must get through while the change that made the job holds the guest. */
export function blockJobService(c: ServiceContext): ServedService {
  return {
    definition: BlockJobServiceService,
    implementation: {
      listBlockJobs: unary(
        async (request: ListBlockJobsRequest, call: Call): Promise<ListBlockJobsResponse> => {
          c.checkUri(request.uri);
          const { uuid } = findDomain(c, request.domain);
          const jobs = await need(c.driver, "blockJobs", "list")(uuid, call);
          return { jobs: jobs.map(toWireBlockJob) };
        },
      ),
      cancelBlockJob: unary((request: CancelBlockJobRequest, call: Call) => {
        c.checkUri(request.uri);
        return c.requests.once(
          {
            requestId: request.requestId,
            method: BlockJobServiceService.cancelBlockJob.path,
            actor: call.actor,
            body: CancelCodec.encode(request).finish(),
          },
          CancelBlockJobResponse,
          async () => {
            const { uuid } = findDomain(c, request.domain);
            await need(c.driver, "blockJobs", "cancel")(uuid, request.job, call);
            return {};
          },
        );
      }),
    },
  };
}
