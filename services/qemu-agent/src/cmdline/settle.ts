import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { Disk } from "@virtmesh/documents/domain/devices/disk";
import { hasMedium } from "./block/disk.ts";
import { diskDeviceId, interfaceDeviceId } from "./ids.ts";

/** A QMP command that brings a started QEMU to what its definition says. */
export interface SettleCommand {
  readonly execute:
    | "set_link"
    | "set_password"
    | "expire_password"
    | "balloon"
    | "blockdev-open-tray"
    | "block_set_io_throttle";
  readonly arguments: Readonly<Record<string, string | number | boolean>>;
}

/**
 * What the command line cannot say, to be sent after QMP is up and before `cont`: links that are down, passwords,
 * the memory at start. The list holds secrets and must not be logged. Before an incoming migration the balloon is left
 * out: its state comes with the guest.
 */
export function settleCommands(definition: IdentifiedDomain, incoming: boolean): readonly SettleCommand[] {
  const { devices, memory, currentMemory } = definition;
  const commands: SettleCommand[] = [];
  for (const [i, nic] of devices.interfaces.entries()) {
    if (nic.link === "down")
      commands.push({ execute: "set_link", arguments: { name: interfaceDeviceId(i), up: false } });
  }
  for (const disk of devices.disks) {
    const id = diskDeviceId(disk);
    // The medium lies in the drawer: the guest finds none until it is closed.
    if (disk.target.tray === "open" && hasMedium(disk))
      commands.push({ execute: "blockdev-open-tray", arguments: { id, force: true } });
    if (disk.iotune !== undefined)
      commands.push({ execute: "block_set_io_throttle", arguments: { id, ...throttle(disk.iotune) } });
  }
  for (const graphics of devices.graphics) {
    if ((graphics.type !== "vnc" && graphics.type !== "spice") || graphics.passwd === undefined) continue;
    const protocol = graphics.type;
    commands.push({ execute: "set_password", arguments: { protocol, password: graphics.passwd } });
    if (graphics.passwdValidTo !== undefined) {
      const time = String(Math.floor(Date.parse(`${graphics.passwdValidTo}Z`) / 1000));
      commands.push({ execute: "expire_password", arguments: { protocol, time } });
    }
  }
  const hasBalloon = devices.memballoons.some((b) => b.model.startsWith("virtio"));
  if (!incoming && hasBalloon && currentMemory !== undefined && currentMemory.bytes < memory.bytes) {
    commands.push({ execute: "balloon", arguments: { value: Number(currentMemory.bytes) } });
  }
  return commands;
}

/** Limits of a disk's speed as QEMU counts them: all of them must be said, and 0 is none. */
function throttle(limits: NonNullable<Disk["iotune"]>): SettleCommand["arguments"] {
  const of = (value: bigint | undefined) => Number(value ?? 0n);
  const optional: Readonly<Record<string, bigint | string | undefined>> = {
    bps_max: limits.totalBytesSecMax,
    bps_rd_max: limits.readBytesSecMax,
    bps_wr_max: limits.writeBytesSecMax,
    iops_max: limits.totalIopsSecMax,
    iops_rd_max: limits.readIopsSecMax,
    iops_wr_max: limits.writeIopsSecMax,
    bps_max_length: limits.totalBytesSecMaxLength,
    bps_rd_max_length: limits.readBytesSecMaxLength,
    bps_wr_max_length: limits.writeBytesSecMaxLength,
    iops_max_length: limits.totalIopsSecMaxLength,
    iops_rd_max_length: limits.readIopsSecMaxLength,
    iops_wr_max_length: limits.writeIopsSecMaxLength,
    iops_size: limits.sizeIopsSec,
    group: limits.groupName,
  };
  return {
    bps: of(limits.totalBytesSec),
    bps_rd: of(limits.readBytesSec),
    bps_wr: of(limits.writeBytesSec),
    iops: of(limits.totalIopsSec),
    iops_rd: of(limits.readIopsSec),
    iops_wr: of(limits.writeIopsSec),
    ...Object.fromEntries(
      Object.entries(optional).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, typeof value === "bigint" ? Number(value) : value]],
      ),
    ),
  };
}
