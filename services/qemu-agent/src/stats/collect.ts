import type { BlockStats } from "@virtmesh/core/driver/domains";
import { sourcePath } from "@virtmesh/documents/domain/devices/disk";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { targetOfNode } from "../cmdline/node-names.ts";
import type { QmpBlockNode, QmpBlockStats } from "../qmp/commands.ts";

/** Counters of a guest's disks, out of what QEMU says of its devices and their nodes. */
export function blockStats(
  definition: IdentifiedDomain,
  devices: readonly QmpBlockStats[],
  nodes: readonly QmpBlockNode[],
): readonly BlockStats[] {
  const counters = new Map(devices.map((d) => [targetOfDevice(d), d.stats]));
  const images = new Map(nodes.map((n) => [n["node-name"] ?? "", n.image]));
  return definition.devices.disks.flatMap((disk) => {
    const path = sourcePath(disk);
    if (path === undefined) return [];
    const target = disk.target.dev;
    const c = counters.get(target);
    const image = images.get(`disk-${target}-format`);
    const big = (n: number | undefined): bigint => BigInt(n ?? 0);
    return [
      {
        target,
        source: path,
        readRequests: big(c?.rd_operations),
        readBytes: big(c?.rd_bytes),
        readTimeNs: big(c?.rd_total_time_ns),
        writeRequests: big(c?.wr_operations),
        writeBytes: big(c?.wr_bytes),
        writeTimeNs: big(c?.wr_total_time_ns),
        flushRequests: big(c?.flush_operations),
        flushTimeNs: big(c?.flush_total_time_ns),
        allocationBytes: big(c?.wr_highest_offset),
        capacityBytes: big(image?.["virtual-size"]),
        physicalBytes: big(image?.["actual-size"]),
      },
    ];
  });
}

/** A disk without a medium's node is named by its device: `/machine/peripheral/disk-vda/virtio-backend`. */
function targetOfDevice(device: QmpBlockStats): string {
  const node = targetOfNode(device["node-name"] ?? "");
  return node ?? /\/peripheral\/disk-([^/]+)/.exec(device.qdev ?? "")?.[1] ?? "";
}
