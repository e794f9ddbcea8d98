import { readdir } from "node:fs/promises";
import { join } from "node:path";

const DEVICES = "/sys/bus/scsi/devices";

/** Generic SCSI devices of the host by `adapter:bus:target:unit`, as `scsi_host2:0:0:1`: `/dev/sg3`. */
export async function scsiGenericDevices(): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const name of await readdir(DEVICES).catch((): string[] => [])) {
    const [, host, place] = /^(\d+):(\d+:\d+:\d+)$/.exec(name) ?? [];
    if (host === undefined || place === undefined) continue;
    const [generic] = await readdir(join(DEVICES, name, "scsi_generic")).catch((): string[] => []);
    if (generic !== undefined) found.set(`scsi_host${host}:${place}`, `/dev/${generic}`);
  }
  return found;
}
