import type { HostFacet, HostInfo } from "@virtmesh/core/driver/host";
import type { EsxServer } from "../server.ts";
import { numberAt } from "../vim/node.ts";

const MIB = 1n << 20n;

export class EsxHost implements HostFacet {
  readonly #server: EsxServer;

  constructor(server: EsxServer) {
    this.#server = server;
  }

  info(): HostInfo {
    const { facts, host } = this.#server.place;
    const { content, address } = this.#server.session;
    const stats = this.#server.guests.told(host).get("summary.quickStats");
    const used = BigInt(numberAt(stats, "overallMemoryUsage") ?? 0) * MIB;
    return {
      uuid: facts.uuid,
      hypervisorVersion: facts.version || content.apiVersion,
      architecture: "x86_64",
      cpuModel: facts.cpuModel,
      cpus: facts.cpus,
      memoryBytes: facts.memoryBytes,
      freeMemoryBytes: facts.memoryBytes > used ? facts.memoryBytes - used : 0n,
      accelerators: ["vmware"],
      bootTimeMs: facts.bootTimeMs,
      notes: [`this is the host ${facts.name} of ${content.fullName} at ${address}`],
    };
  }

  async capabilities(): Promise<string> {
    return `<capabilities>
  <host>
    <uuid>${this.#server.place.facts.uuid}</uuid>
    <cpu>
      <arch>x86_64</arch>
    </cpu>
  </host>
  <guest>
    <os_type>hvm</os_type>
    <arch name='i686'>
      <wordsize>32</wordsize>
      <domain type='vmware'/>
    </arch>
  </guest>
  <guest>
    <os_type>hvm</os_type>
    <arch name='x86_64'>
      <wordsize>64</wordsize>
      <domain type='vmware'/>
    </arch>
  </guest>
</capabilities>
`;
  }
}
