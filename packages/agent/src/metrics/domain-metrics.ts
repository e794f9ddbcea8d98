import type { BlockStats, DomainStats, InterfaceStats, Told } from "@virtmesh/core/driver/domains";
import { wireDomainState } from "../convert/enums.ts";
import type { JobInfo } from "./migration-metrics.ts";

/** One metric of a thing: what it is called, what it means, and how it is read. */
interface Row<T> {
  readonly name: string;
  readonly type: "gauge" | "counter";
  readonly help: string;
  /** undefined: not known of this one. */
  readonly read: (item: T) => number | undefined;
}

/** virDomainJobType: a job whose end cannot be told beforehand, as every migration is. */
const JOB_UNBOUNDED = 2;
const NS = 1e9;

const gauge = <T>(name: string, help: string, read: Row<T>["read"]): Row<T> => ({
  name,
  type: "gauge",
  help,
  read,
});
const counter = <T>(name: string, help: string, read: Row<T>["read"]): Row<T> => ({
  name,
  type: "counter",
  help,
  read,
});

/** What the hypervisor does not tell is not shown. */
function told(value: Told): number | undefined {
  return value === undefined ? undefined : Number(value);
}

function seconds(ns: Told): number | undefined {
  return ns === undefined ? undefined : Number(ns) / NS;
}

export const GUEST_ROWS: readonly Row<DomainStats>[] = [
  gauge("libvirt_domain_info_state", "State of the guest (virDomainState)", (s) => wireDomainState(s.state)),
  gauge("libvirt_domain_info_vstate", "State of the guest (virDomainState)", (s) => wireDomainState(s.state)),
  gauge("libvirt_domain_info_maximum_memory_bytes", "Most memory the guest may have", (s) =>
    Number(s.maxMemoryBytes),
  ),
  gauge("libvirt_domain_info_memory_usage_bytes", "Memory the guest has now", (s) => Number(s.memoryBytes)),
  gauge("libvirt_domain_info_virtual_cpus", "Virtual CPUs of the guest", (s) => s.vcpus),
  counter("libvirt_domain_info_cpu_time_seconds_total", "CPU time the guest used since its start", (s) =>
    seconds(s.cpuTimeNs),
  ),
  gauge("libvirt_domain_memory_stats_rss_bytes", "Resident memory of the guest's hypervisor process", (s) =>
    Number(s.rssBytes),
  ),
];

export const BLOCK_ROWS: readonly Row<BlockStats>[] = [
  counter("libvirt_domain_block_stats_read_bytes_total", "Bytes read from the disk", (b) =>
    told(b.readBytes),
  ),
  counter("libvirt_domain_block_stats_read_requests_total", "Read requests to the disk", (b) =>
    told(b.readRequests),
  ),
  counter("libvirt_domain_block_stats_read_time_seconds_total", "Time spent in reads of the disk", (b) =>
    seconds(b.readTimeNs),
  ),
  counter("libvirt_domain_block_stats_write_bytes_total", "Bytes written to the disk", (b) =>
    told(b.writeBytes),
  ),
  counter("libvirt_domain_block_stats_write_requests_total", "Write requests to the disk", (b) =>
    told(b.writeRequests),
  ),
  counter("libvirt_domain_block_stats_write_time_seconds_total", "Time spent in writes of the disk", (b) =>
    seconds(b.writeTimeNs),
  ),
  counter("libvirt_domain_block_stats_flush_requests_total", "Flush requests to the disk", (b) =>
    told(b.flushRequests),
  ),
  counter("libvirt_domain_block_stats_flush_time_seconds_total", "Time spent in flushes of the disk", (b) =>
    seconds(b.flushTimeNs),
  ),
  gauge("libvirt_domain_block_stats_capacity_bytes", "Size of the disk as the guest sees it", (b) =>
    Number(b.capacityBytes),
  ),
  gauge("libvirt_domain_block_stats_allocation", "Bytes of the disk's image that are in use", (b) =>
    told(b.allocationBytes),
  ),
  gauge("libvirt_domain_block_stats_physicalsize_bytes", "Size of the disk's image", (b) =>
    told(b.physicalBytes),
  ),
];

export const INTERFACE_ROWS: readonly Row<InterfaceStats>[] = [
  counter("libvirt_domain_interface_stats_receive_bytes_total", "Bytes the guest received", (i) =>
    told(i.receiveBytes),
  ),
  counter("libvirt_domain_interface_stats_receive_packets_total", "Packets the guest received", (i) =>
    told(i.receivePackets),
  ),
  counter("libvirt_domain_interface_stats_receive_errors_total", "Errors in receiving", (i) =>
    told(i.receiveErrors),
  ),
  counter(
    "libvirt_domain_interface_stats_receive_drops_total",
    "Packets for the guest that were dropped",
    (i) => told(i.receiveDrops),
  ),
  counter("libvirt_domain_interface_stats_transmit_bytes_total", "Bytes the guest sent", (i) =>
    told(i.transmitBytes),
  ),
  counter("libvirt_domain_interface_stats_transmit_packets_total", "Packets the guest sent", (i) =>
    told(i.transmitPackets),
  ),
  counter("libvirt_domain_interface_stats_transmit_errors_total", "Errors in sending", (i) =>
    told(i.transmitErrors),
  ),
  counter(
    "libvirt_domain_interface_stats_transmit_drops_total",
    "Packets of the guest that were dropped",
    (i) => told(i.transmitDrops),
  ),
];

export const JOB_ROWS: readonly Row<JobInfo>[] = [
  gauge(
    "libvirt_domain_job_type",
    "Job of the guest (virDomainJobType): 2 while it migrates",
    () => JOB_UNBOUNDED,
  ),
  gauge("libvirt_domain_job_time_elapsed_seconds", "How long the migration has run", (j) => j.elapsedSeconds),
  gauge(
    "libvirt_domain_job_time_remaining_seconds",
    "Until the hand-over, when that can be told",
    (j) => j.remainingSeconds,
  ),
  gauge("libvirt_domain_job_data_total_bytes", "Memory and disks to be moved", (j) =>
    Number(j.memoryTotalBytes + j.diskTotalBytes),
  ),
  gauge("libvirt_domain_job_data_processed_bytes", "Memory and disks moved so far", (j) =>
    Number(j.memoryProcessedBytes + j.diskProcessedBytes),
  ),
  gauge("libvirt_domain_job_data_remaining_bytes", "Memory and disks still to be moved", (j) =>
    Number(j.memoryRemainingBytes + j.diskRemainingBytes),
  ),
  gauge("libvirt_domain_job_memory_total_bytes", "Memory to be moved", (j) => Number(j.memoryTotalBytes)),
  gauge("libvirt_domain_job_memory_processed_bytes", "Memory moved so far", (j) =>
    Number(j.memoryProcessedBytes),
  ),
  gauge("libvirt_domain_job_memory_remaining_bytes", "Memory still to be moved", (j) =>
    Number(j.memoryRemainingBytes),
  ),
  gauge("libvirt_domain_job_disk_total_bytes", "Disks to be copied", (j) => Number(j.diskTotalBytes)),
  gauge("libvirt_domain_job_disk_processed_bytes", "Disks copied so far", (j) =>
    Number(j.diskProcessedBytes),
  ),
  gauge("libvirt_domain_job_disk_remaining_bytes", "Disks still to be copied", (j) =>
    Number(j.diskRemainingBytes),
  ),
];

/** A thing with the labels it is shown under, written out: `{domain="web-1",...}`. */
type Labelled<T> = readonly [labels: string, item: T];

/**
 * The metrics of guests under the names that exporters for libvirt use, so that dashboards made for those work. All
 * from the driver's memory: a guest that hangs or migrates is shown as well as any other. Written as text at once,
 * since a registry takes ten times as long for the thirty thousand lines of a thousand guests.
 */
export function domainMetricsText(
  all: readonly DomainStats[],
  jobs: readonly JobInfo[],
  host: string,
): string {
  const of = (name: string, uuid: string): string =>
    `domain="${escapeLabel(name)}",uuid="${uuid}",host="${escapeLabel(host)}"`;
  const guests: Labelled<DomainStats>[] = [];
  const disks: Labelled<BlockStats>[] = [];
  const nics: Labelled<InterfaceStats>[] = [];
  for (const stats of all) {
    const labels = of(stats.name, stats.uuid);
    guests.push([`{${labels}}`, stats]);
    for (const disk of stats.blocks) disks.push([deviceLabels(labels, disk.target), disk]);
    for (const nic of stats.interfaces) nics.push([deviceLabels(labels, nic.device || nic.mac), nic]);
  }
  const migrations = jobs.map((job): Labelled<JobInfo> => [`{${of(job.name, job.uuid)}}`, job]);
  return (
    write(GUEST_ROWS, guests) +
    write(BLOCK_ROWS, disks) +
    write(INTERFACE_ROWS, nics) +
    write(JOB_ROWS, migrations)
  );
}

function deviceLabels(guest: string, device: string): string {
  return `{${guest},target_device="${escapeLabel(device)}"}`;
}

function write<T>(rows: readonly Row<T>[], items: readonly Labelled<T>[]): string {
  let text = "";
  for (const { name, type, help, read } of rows) {
    text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
    for (const [labels, item] of items) {
      const value = read(item);
      if (value !== undefined) text += `${name}${labels} ${value}\n`;
    }
  }
  return text;
}

/** As the exposition format wants it: backslash, quote and newline are escaped. */
function escapeLabel(value: string): string {
  return value.replace(/[\\"\n]/g, (c) => (c === "\n" ? "\\n" : `\\${c}`));
}
