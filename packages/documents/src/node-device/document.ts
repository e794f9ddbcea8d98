import { document } from "../schema/document.ts";
import { refuseAt } from "../schema/refuse.ts";
import { type NodeDeviceDefinition, nodeDeviceSchema } from "./model.ts";

const nodeDeviceDocument = document("device", nodeDeviceSchema, ({ capabilities }) => {
  if (capabilities.length === 0)
    refuseAt("/device", "nothing says what the device is", `add a <capability type="...">`);
});

/**
 * Reads and checks a device of the host.
 * @throws XML_SYNTAX, XML_FORBIDDEN, XML_LIMIT, XML_UNKNOWN, XML_INVALID with path, line and column
 */
export function parseNodeDevice(xml: string): NodeDeviceDefinition {
  return nodeDeviceDocument.parse(xml);
}

export function formatNodeDevice(device: NodeDeviceDefinition): string {
  return nodeDeviceDocument.format(device);
}

/**
 * A device as one asks for it to be made: what only the kernel tells (how many virtual ports there are, in which IOMMU
 * group it is) is not known yet and 0, as libvirt has it.
 */
export function requestedNodeDevice(device: NodeDeviceDefinition): NodeDeviceDefinition {
  return { ...device, capabilities: device.capabilities.map(withoutMeasured) };
}

type Capability = NodeDeviceDefinition["capabilities"][number];

function withoutMeasured(capability: Capability): Capability {
  if (capability.type === "mdev") return { ...capability, iommuGroup: capability.iommuGroup ?? 0 };
  if (capability.type !== "scsi_host" || capability.virtualPorts === undefined) return capability;
  return { ...capability, virtualPorts: { max: 0, count: 0 } };
}
