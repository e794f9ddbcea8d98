import { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import { ResourceServiceService } from "@virtmesh/api/gen/virtmesh/v1/resource";
import { need } from "@virtmesh/core/driver/driver";
import type { ServedService } from "../chassis.ts";
import { invalidField } from "../convert/field.ts";
import { changeMethod } from "./change-method.ts";
import type { ServiceContext } from "./context.ts";
import { scopedChange } from "./long-change.ts";

const methods = ResourceServiceService;

export function resourceService(c: ServiceContext): ServedService {
  return {
    definition: ResourceServiceService,
    implementation: {
      setMemory: changeMethod(c, methods.setMemory, Operation, (request, call) => {
        const set = need(c.driver, "resources", "setMemory");
        const bytes = positive("memory_bytes", request.memoryBytes);
        return scopedChange(c, request, "setMemory", call, ({ uuid }, scope, own) =>
          set(uuid, bytes, scope, own),
        );
      }),
      setMaxMemory: changeMethod(c, methods.setMaxMemory, Operation, (request, call) => {
        const set = need(c.driver, "resources", "setMaxMemory");
        const bytes = positive("max_memory_bytes", request.maxMemoryBytes);
        return scopedChange(c, request, "setMaxMemory", call, ({ uuid }, scope, own) =>
          set(uuid, bytes, scope, own),
        );
      }),
      setVcpus: changeMethod(c, methods.setVcpus, Operation, (request, call) => {
        const verb = request.maximum ? "setMaxVcpus" : "setVcpus";
        const set = need(c.driver, "resources", verb);
        const count = positive("vcpus", request.vcpus);
        return scopedChange(c, request, verb, call, ({ uuid }, scope, own) => set(uuid, count, scope, own));
      }),
    },
  };
}

function positive<N extends number | bigint>(field: string, value: N): N {
  if (value > 0) return value;
  throw invalidField(field, "must be more than 0");
}
