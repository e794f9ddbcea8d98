import { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import type { DetachDeviceRequest } from "@virtmesh/api/gen/virtmesh/v1/device";
import { DeviceServiceService } from "@virtmesh/api/gen/virtmesh/v1/device";
import type { DeviceReference } from "@virtmesh/core/driver/devices";
import { need } from "@virtmesh/core/driver/driver";
import type { ServedService } from "../chassis.ts";
import { invalidField, requireText } from "../convert/field.ts";
import { changeMethod } from "./change-method.ts";
import type { ServiceContext } from "./context.ts";
import { scopedChange } from "./long-change.ts";

const methods = DeviceServiceService;

export function deviceService(c: ServiceContext): ServedService {
  return {
    definition: DeviceServiceService,
    implementation: {
      attachDevice: changeMethod(c, methods.attachDevice, Operation, (request, call) => {
        const attach = need(c.driver, "devices", "attach");
        const xml = requireText("xml", request.xml);
        return scopedChange(c, request, "attachDevice", call, ({ uuid }, scope, own) =>
          attach(uuid, xml, scope, own),
        );
      }),
      detachDevice: changeMethod(c, methods.detachDevice, Operation, (request, call) => {
        const detach = need(c.driver, "devices", "detach");
        const device = referenceOf(request);
        return scopedChange(c, request, "detachDevice", call, ({ uuid }, scope, own) =>
          detach(uuid, device, scope, own),
        );
      }),
      updateDevice: changeMethod(c, methods.updateDevice, Operation, (request, call) => {
        const update = need(c.driver, "devices", "update");
        const xml = requireText("xml", request.xml);
        const { force } = request;
        return scopedChange(c, request, "updateDevice", call, ({ uuid }, scope, own) =>
          update(uuid, xml, { ...scope, force }, own),
        );
      }),
    },
  };
}

function referenceOf({ device }: DetachDeviceRequest): DeviceReference {
  switch (device?.$case) {
    case "xml":
      return { kind: "xml", xml: requireText("xml", device.value) };
    case "alias":
      return { kind: "alias", alias: requireText("alias", device.value) };
    case "target":
      return { kind: "target", target: requireText("target", device.value) };
    case undefined:
      throw invalidField("device", "must be set: xml, alias or target");
  }
}
