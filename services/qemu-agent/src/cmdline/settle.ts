import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { hasMedium } from "./block/disk.ts";
import { diskDeviceId, interfaceDeviceId } from "./ids.ts";
import { throttleOf } from "./throttle.ts";

/** A QMP command that brings a started QEMU to what its definition says. */
export interface SettleCommand {
  readonly execute:
    | "set_link"
    | "set_password"
    | "expire_password"
    | "balloon"
    | "blockdev-open-tray"
    | "block_set_io_throttle";
  readonly arguments: Readonly<Record<string, string | number | boolean | undefined>>;
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
      commands.push({
        execute: "set_link",
        arguments: { name: nic.alias ?? interfaceDeviceId(i), up: false },
      });
  }
  for (const disk of devices.disks) {
    const id = diskDeviceId(disk);
    // The medium lies in the drawer: the guest finds none until it is closed.
    if (disk.target.tray === "open" && hasMedium(disk))
      commands.push({ execute: "blockdev-open-tray", arguments: { id, force: true } });
    if (disk.iotune !== undefined && hasMedium(disk))
      commands.push({ execute: "block_set_io_throttle", arguments: { ...throttleOf(disk) } });
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
