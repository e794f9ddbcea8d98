import { busOf, type Disk } from "@virtmesh/documents/domain/devices/disk";
import { diskDeviceId } from "./ids.ts";
import type { QmpThrottle } from "../qmp/commands.ts";

/** What of a disk has its block device: with virtio a part of it, which has no id. */
function backendPath(disk: Disk): string {
  const id = diskDeviceId(disk);
  return busOf(disk) === "virtio" ? `/machine/peripheral/${id}/virtio-backend` : id;
}

/** The limits of a disk's speed as QEMU takes them; all of them 0 without any. */
export function throttleOf(disk: Disk): QmpThrottle {
  const t = disk.iotune ?? {};
  const bursts = {
    bps_max: t.totalBytesSecMax,
    bps_rd_max: t.readBytesSecMax,
    bps_wr_max: t.writeBytesSecMax,
    iops_max: t.totalIopsSecMax,
    iops_rd_max: t.readIopsSecMax,
    iops_wr_max: t.writeIopsSecMax,
    bps_max_length: t.totalBytesSecMaxLength,
    bps_rd_max_length: t.readBytesSecMaxLength,
    bps_wr_max_length: t.writeBytesSecMaxLength,
    iops_max_length: t.totalIopsSecMaxLength,
    iops_rd_max_length: t.readIopsSecMaxLength,
    iops_wr_max_length: t.writeIopsSecMaxLength,
    iops_size: t.sizeIopsSec,
  };
  return {
    id: backendPath(disk),
    bps: Number(t.totalBytesSec ?? 0n),
    bps_rd: Number(t.readBytesSec ?? 0n),
    bps_wr: Number(t.writeBytesSec ?? 0n),
    iops: Number(t.totalIopsSec ?? 0n),
    iops_rd: Number(t.readIopsSec ?? 0n),
    iops_wr: Number(t.writeIopsSec ?? 0n),
    ...Object.fromEntries(
      Object.entries(bursts).flatMap(([name, value]) => (value === undefined ? [] : [[name, Number(value)]])),
    ),
    ...(t.groupName === undefined ? {} : { group: t.groupName }),
  };
}
