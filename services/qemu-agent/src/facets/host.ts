import { cpus, freemem, totalmem } from "node:os";
import { bootTimeMs, machineUuid } from "@virtmesh/agent/machine/identity";
import type { HostFacet, HostInfo } from "@virtmesh/core/driver/host";
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
