import { arch, cpus } from "node:os";
import { bootTimeMs, machineUuid } from "@virtmesh/agent/machine/identity";
import type { HostFacet, HostInfo } from "@virtmesh/core/driver/host";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import { parseInfo, type XenInfo } from "../xl/info.ts";
import { xl } from "../xl/xl.ts";

const MIB = 1n << 20n;

/** What a domain can be, by the words with which Xen says so. */
const KINDS = [
  { type: "xen-3.0-x86_64", osType: "xen", arch: "x86_64", bits: 64 },
  { type: "hvm-3.0-x86_32", osType: "hvm", arch: "i686", bits: 32 },
  { type: "hvm-3.0-x86_64", osType: "hvm", arch: "x86_64", bits: 64 },
] as const;

/** Facts about the machine as Xen sees it: dom0 itself has only a part of it. */
export class XenHost implements HostFacet {
  readonly #uuid: string;
  readonly #bootTimeMs: number;
  #info: XenInfo;

  private constructor(info: XenInfo, uuid: string, bootTime: number) {
    this.#info = info;
    this.#uuid = uuid;
    this.#bootTimeMs = bootTime;
  }

  /** One that is only asked what it can do. */
  static unconnected(): XenHost {
    return new XenHost(parseInfo(""), "", 0);
  }

  /** @throws HOST_SETUP when this is no dom0 of Xen */
  static async open(): Promise<XenHost> {
    try {
      return new XenHost(parseInfo(await xl(["info"])), await machineUuid(), await bootTimeMs());
    } catch (e) {
      throw new VirtError(
        "HOST_SETUP",
        `Xen's toolstack cannot be used: run the agent as root in dom0, with xen-utils installed: ${messageOf(e)}`,
        {},
        { cause: e },
      );
    }
  }

  /** How much memory is free changes with every guest that comes or goes. */
  async refresh(signal: AbortSignal): Promise<void> {
    this.#info = parseInfo(await xl(["info"], signal));
  }

  /** Of memory. */
  get nodes(): number {
    return this.#info.nodes;
  }

  get xen(): XenInfo {
    return this.#info;
  }

  info(): HostInfo {
    const { version, cpus: count, totalMemoryMiB, freeMemoryMiB } = this.#info;
    return {
      uuid: this.#uuid,
      hypervisorVersion: version,
      architecture: architecture(),
      cpuModel: cpus()[0]?.model ?? "",
      cpus: count,
      memoryBytes: BigInt(totalMemoryMiB) * MIB,
      freeMemoryBytes: BigInt(freeMemoryMiB) * MIB,
      accelerators: ["xen"],
      bootTimeMs: this.#bootTimeMs,
      notes: ["Xen does not tell when another tool pauses a guest or lets it go on"],
    };
  }

  async capabilities(): Promise<string> {
    const guests = KINDS.filter(({ type }) => this.#info.guestTypes.includes(type)).map(
      (kind) => `  <guest>
    <os_type>${kind.osType}</os_type>
    <arch name='${kind.arch}'>
      <wordsize>${kind.bits}</wordsize>
      <domain type='xen'/>
    </arch>
  </guest>
`,
    );
    return `<capabilities>
  <host>
    <uuid>${this.#uuid}</uuid>
    <cpu>
      <arch>${architecture()}</arch>
    </cpu>
  </host>
${guests.join("")}</capabilities>
`;
  }
}

function architecture(): string {
  return arch() === "arm64" ? "aarch64" : "x86_64";
}
