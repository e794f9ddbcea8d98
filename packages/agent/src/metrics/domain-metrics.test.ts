import type { DomainStats } from "@virtmesh/core/driver/domains";
import { newDomainUuid } from "@virtmesh/core/ids";
import { domainMetricsText } from "./domain-metrics.ts";

const uuid = newDomainUuid();
const STATS: DomainStats = {
  uuid,
  name: 'we"b',
  state: "running",
  stateReason: "booted",
  sampleTimeMs: 1,
  cpuTimeNs: 1_500_000_000n,
  vcpus: 2,
  memoryBytes: 1024n,
  maxMemoryBytes: 2048n,
  rssBytes: 512n,
  blocks: [
    {
      target: "vda",
      source: "/a",
      readRequests: 1n,
      readBytes: 4096n,
      readTimeNs: 2_000_000_000n,
      writeRequests: 0n,
      writeBytes: 0n,
      writeTimeNs: 0n,
      flushRequests: 3n,
      flushTimeNs: 0n,
      allocationBytes: 0n,
      capacityBytes: 0n,
      physicalBytes: 0n,
    },
  ],
  interfaces: [
    {
      device: "",
      mac: "52:54:00:00:00:01",
      receiveBytes: 9n,
      receivePackets: 0n,
      receiveErrors: 0n,
      receiveDrops: 0n,
      transmitBytes: 0n,
      transmitPackets: 0n,
      transmitErrors: 0n,
      transmitDrops: 0n,
    },
  ],
};
const GUEST = `domain="we\\"b",uuid="${uuid}",host="a"`;

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

describe("the metrics of guests", () => {
  it("have the names, units and labels of exporters for libvirt", () => {
    const written = lines(domainMetricsText([STATS], [], "a"));
    expect(written).toEqual(
      expect.arrayContaining([
        `libvirt_domain_info_vstate{${GUEST}} 1`,
        `libvirt_domain_info_cpu_time_seconds_total{${GUEST}} 1.5`,
        `libvirt_domain_info_maximum_memory_bytes{${GUEST}} 2048`,
        `libvirt_domain_block_stats_read_bytes_total{${GUEST},target_device="vda"} 4096`,
        `libvirt_domain_block_stats_read_time_seconds_total{${GUEST},target_device="vda"} 2`,
        `libvirt_domain_block_stats_flush_requests_total{${GUEST},target_device="vda"} 3`,
        `libvirt_domain_interface_stats_receive_bytes_total{${GUEST},target_device="52:54:00:00:00:01"} 9`,
      ]),
    );
  });

  it("show nothing for what the hypervisor does not tell, and 0 for a 0 that it tells", () => {
    const [disk] = STATS.blocks;
    const blocks = disk === undefined ? [] : [{ ...disk, readTimeNs: undefined, flushRequests: 0n }];
    const written = lines(domainMetricsText([{ ...STATS, cpuTimeNs: undefined, blocks }], [], "a"));
    expect(written.filter((line) => /cpu_time|read_time/.test(line))).toEqual([]);
    expect(written).toContain(
      `libvirt_domain_block_stats_flush_requests_total{${GUEST},target_device="vda"} 0`,
    );
  });

  it("show a migration as a job, without a time that nobody can tell", () => {
    const job = {
      uuid,
      name: "web",
      stranded: false,
      elapsedSeconds: 2,
      memoryTotalBytes: 100n,
      memoryProcessedBytes: 40n,
      memoryRemainingBytes: 60n,
      diskTotalBytes: 10n,
      diskProcessedBytes: 5n,
      diskRemainingBytes: 5n,
    };
    const labels = `{domain="web",uuid="${uuid}",host="a"}`;
    const written = lines(domainMetricsText([], [job], "a"));
    expect(written).toContain(`libvirt_domain_job_data_remaining_bytes${labels} 65`);
    expect(written).toContain(`libvirt_domain_job_type${labels} 2`);
    expect(written.filter((line) => line.includes("time_remaining"))).toEqual([]);
  });
});
