import type { DomainStats } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { clean } from "./table.ts";

/**
 * The statistics of one guest as `virsh domstats` prints them (names and units of virConnectGetAllDomainStats), with an empty
 * line after. What the hypervisor does not tell is left out.
 */
export function statsLines(stats: DomainStats, withConnection: boolean): readonly string[] {
  const values: [string, string | number | bigint | undefined][] = [
    ["state.state", stats.state],
    ["cpu.time", stats.cpuTimeNs],
    ["vcpu.current", stats.vcpus],
    ["balloon.current", stats.memoryBytes / 1024n],
    ["balloon.maximum", stats.maxMemoryBytes / 1024n],
    ["balloon.rss", stats.rssBytes / 1024n],
    ["net.count", stats.interfaces.length],
  ];
  stats.interfaces.forEach((n, i) => {
    values.push([`net.${i}.name`, n.device || n.mac]);
    values.push([`net.${i}.rx.bytes`, n.receiveBytes], [`net.${i}.rx.pkts`, n.receivePackets]);
    values.push([`net.${i}.rx.errs`, n.receiveErrors], [`net.${i}.rx.drop`, n.receiveDrops]);
    values.push([`net.${i}.tx.bytes`, n.transmitBytes], [`net.${i}.tx.pkts`, n.transmitPackets]);
    values.push([`net.${i}.tx.errs`, n.transmitErrors], [`net.${i}.tx.drop`, n.transmitDrops]);
  });
  values.push(["block.count", stats.blocks.length]);
  stats.blocks.forEach((b, i) => {
    values.push([`block.${i}.name`, b.target], [`block.${i}.path`, b.source]);
    values.push(
      [`block.${i}.rd.reqs`, b.readRequests],
      [`block.${i}.rd.bytes`, b.readBytes],
      [`block.${i}.rd.times`, b.readTimeNs],
    );
    values.push(
      [`block.${i}.wr.reqs`, b.writeRequests],
      [`block.${i}.wr.bytes`, b.writeBytes],
      [`block.${i}.wr.times`, b.writeTimeNs],
    );
    values.push([`block.${i}.fl.reqs`, b.flushRequests], [`block.${i}.fl.times`, b.flushTimeNs]);
    values.push(
      [`block.${i}.allocation`, b.allocationBytes],
      [`block.${i}.capacity`, b.capacityBytes],
      [`block.${i}.physical`, b.physicalBytes],
    );
  });
  const title = `Domain: '${clean(stats.name)}'${withConnection ? ` on ${clean(stats.uri)}` : ""}`;
  const lines = values.flatMap(([name, value]) =>
    value === undefined ? [] : [`  ${name}=${clean(String(value))}`],
  );
  return [title, ...lines, ""];
}
