import { execFile } from "node:child_process";
import { arch, cpus, freemem, totalmem } from "node:os";
import { promisify } from "node:util";
import { bootTimeMs, machineUuid } from "@virtmesh/agent/machine/identity";
import type { HostFacet, HostInfo } from "@virtmesh/core/driver/host";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import type { CgroupVersion } from "../native/limits.ts";

/** Facts about the machine, its kernel and its LXC. */
export class LxcHost implements HostFacet {
  readonly #version: string;
  readonly #uuid: string;
  readonly #bootTimeMs: number;
  readonly #cgroup: CgroupVersion;

  private constructor(version: string, uuid: string, bootTime: number, cgroup: CgroupVersion) {
    this.#version = version;
    this.#uuid = uuid;
    this.#bootTimeMs = bootTime;
    this.#cgroup = cgroup;
  }

  /** @throws HOST_SETUP when there is no LXC */
  static async open(cgroup: CgroupVersion): Promise<LxcHost> {
    try {
      const { stdout } = await promisify(execFile)("lxc-info", ["--version"]);
      return new LxcHost(stdout.trim(), await machineUuid(), await bootTimeMs(), cgroup);
    } catch (e) {
      throw new VirtError(
        "HOST_SETUP",
        `the tools of LXC cannot be run (apt-get install lxc): ${messageOf(e)}`,
        {},
        { cause: e },
      );
    }
  }

  info(): HostInfo {
    const processors = cpus();
    return {
      uuid: this.#uuid,
      hypervisorVersion: this.#version,
      architecture: architecture(),
      cpuModel: processors[0]?.model ?? "",
      cpus: processors.length,
      memoryBytes: BigInt(totalmem()),
      freeMemoryBytes: BigInt(freemem()),
      accelerators: ["lxc"],
      bootTimeMs: this.#bootTimeMs,
      notes: [
        "containers share the kernel of this host",
        `limits are set by the ${this.#cgroup === 1 ? "first" : "second"} version of control groups`,
      ],
    };
  }

  async capabilities(): Promise<string> {
    return `<capabilities>
  <host>
    <uuid>${this.#uuid}</uuid>
    <cpu>
      <arch>${architecture()}</arch>
    </cpu>
  </host>
  <guest>
    <os_type>exe</os_type>
    <arch name='${architecture()}'>
      <wordsize>64</wordsize>
      <domain type='lxc'/>
    </arch>
  </guest>
</capabilities>
`;
  }
}

function architecture(): string {
  return arch() === "arm64" ? "aarch64" : "x86_64";
}
