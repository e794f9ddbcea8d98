import { readFile } from "node:fs/promises";
import { parseUuid } from "@virtmesh/core/ids";

/** Identity of the machine: the SMBIOS UUID, or /etc/machine-id where there is none. */
export async function machineUuid(): Promise<string> {
  for (const path of ["/sys/class/dmi/id/product_uuid", "/etc/machine-id"]) {
    const text = await readFile(path, "utf8").catch(() => "");
    const uuid = parseUuid(text.trim());
    if (uuid !== undefined && !/^(0|f)+$/.test(uuid.replaceAll("-", ""))) return uuid;
  }
  return "";
}

/** As the kernel noted it, in whole seconds: the same whenever it is asked. */
export async function bootTimeMs(): Promise<number> {
  const seconds = /^btime (\d+)$/m.exec(await readFile("/proc/stat", "utf8"))?.[1];
  return Number(seconds ?? 0) * 1000;
}
