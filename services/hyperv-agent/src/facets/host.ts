import type { HostFacet, HostInfo } from "@virtmesh/core/driver/host";
import type { HypervServer } from "../server.ts";

export class HypervHost implements HostFacet {
  readonly #server: HypervServer;

  constructor(server: HypervServer) {
    this.#server = server;
  }

  info(): HostInfo {
    const { host, degraded, session } = this.#server;
    return {
      uuid: host.uuid,
      hypervisorVersion: host.version,
      architecture: "x86_64",
      cpuModel: host.cpuModel,
      cpus: host.cpus,
      memoryBytes: host.memoryBytes,
      freeMemoryBytes: host.freeMemoryBytes,
      accelerators: ["hyperv"],
      bootTimeMs: host.bootTimeMs,
      notes: [
        `this is ${host.name} at ${session.client.address}, ${host.caption}`,
        "free memory is that of the moment at which the agent connected",
        degraded === undefined
          ? "events are pushed by the host"
          : `events are degraded: the host refuses to tell what happens (${degraded}), so it is looked at every ten seconds`,
      ],
    };
  }

  async capabilities(): Promise<string> {
    return `<capabilities>
  <host>
    <uuid>${this.#server.host.uuid}</uuid>
    <cpu>
      <arch>x86_64</arch>
    </cpu>
  </host>
  <guest>
    <os_type>hvm</os_type>
    <arch name='x86_64'>
      <wordsize>64</wordsize>
      <domain type='hyperv'/>
    </arch>
  </guest>
</capabilities>
`;
  }
}
