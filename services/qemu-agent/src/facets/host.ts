import { readFile } from "node:fs/promises";
import { cpus, freemem, totalmem } from "node:os";
import type { HostFacet, HostInfo } from "@virtmesh/core/driver/host";
import { parseUuid } from "@virtmesh/core/ids";
import type { ProbeResult } from "../capabilities/probe.ts";
import { capabilitiesXml } from "../capabilities/document.ts";

/** Facts about the machine and its QEMU. */
export class QemuHost implements HostFacet {
  static async open(probed: ProbeResult): Promise<QemuHost> {
    return new QemuHost(probed, await machineUuid(), await bootTimeMs());
  }

  readonly #probed: ProbeResult;
  readonly #uuid: string;
  readonly #bootTimeMs: number;

  private constructor(probed: ProbeResult, uuid: string, bootTime: number) {
    this.#probed = probed;
    this.#uuid = uuid;
    this.#bootTimeMs = bootTime;
  }

  info(): HostInfo {
    const { capabilities, notes } = this.#probed;
    const { major, minor, micro } = capabilities.version;
    const processors = cpus();
    return {
      uuid: this.#uuid,
      hypervisorVersion: `${major}.${minor}.${micro}`,
      architecture: capabilities.arch,
      cpuModel: processors[0]?.model ?? "",
      cpus: processors.length,
      memoryBytes: BigInt(totalmem()),
      freeMemoryBytes: BigInt(freemem()),
      accelerators: [...capabilities.accelerators],
      bootTimeMs: this.#bootTimeMs,
      notes,
    };
  }

  async capabilities(): Promise<string> {
    return capabilitiesXml(this.info(), this.#probed.capabilities);
  }
}

/** Identity of the machine: the SMBIOS UUID, or /etc/machine-id where there is none. */
async function machineUuid(): Promise<string> {
  for (const path of ["/sys/class/dmi/id/product_uuid", "/etc/machine-id"]) {
    const text = await readFile(path, "utf8").catch(() => "");
    const uuid = parseUuid(text.trim());
    if (uuid !== undefined && !/^(0|f)+$/.test(uuid.replaceAll("-", ""))) return uuid;
  }
  return "";
}

/** As the kernel noted it, in whole seconds: the same whenever it is asked. */
async function bootTimeMs(): Promise<number> {
  const seconds = /^btime (\d+)$/m.exec(await readFile("/proc/stat", "utf8"))?.[1];
  return Number(seconds ?? 0) * 1000;
}
