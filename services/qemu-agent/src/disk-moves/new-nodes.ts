import { diskBlockParts } from "../cmdline/block/disk.ts";
import type { Instance } from "../domain/instance.ts";
import type { LaunchSite } from "../domain/launch.ts";
import { deviceContext } from "../hotplug/hardware.ts";
import { type PlugStep, plugSteps } from "../hotplug/plug-steps.ts";
import { withMovedDisk } from "./moved-disk.ts";
import { withSecondNodes } from "./nodes.ts";
import type { DiskMoveRecord } from "./records.ts";

/**
 * What opens the new image: as the next start of the guest would, under the names that are free. Only that it may be
 * punched: else every block that was never written would be written as zeroes, and take room.
 */
export async function newNodeSteps(
  { definition, allotment }: Instance,
  { move, from, format, newNodes }: DiskMoveRecord,
  site: LaunchSite,
): Promise<readonly PlugStep[]> {
  const moved = withMovedDisk(definition, { disk: move.disk, from, to: move.path, format });
  const secondNodes = withSecondNodes(allotment.secondNodes, move.disk, newNodes.second);
  const context = await deviceContext(moved, site, { ...allotment, secondNodes });
  const index = moved.devices.disks.findIndex((d) => d.target.dev === move.disk);
  const disk = moved.devices.disks[index];
  if (disk === undefined) return [];
  const { blockdevs = [] } = diskBlockParts(context, disk, `devices/disk[${index + 1}]`);
  return plugSteps({ blockdevs: blockdevs.map((node) => ({ ...node, discard: "unmap" })) });
}
