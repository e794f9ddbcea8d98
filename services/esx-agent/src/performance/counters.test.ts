import { reference } from "../vim/encode.ts";
import { readNode } from "../vim/node.ts";
import { counterIds, querySpec, totalOf, withSamples } from "./counters.ts";

const counter = (key: number, group: string, name: string, rollup: string): string =>
  `<PerfCounterInfo><key>${key}</key><nameInfo><key>${name}</key></nameInfo><groupInfo><key>${group}</key></groupInfo><rollupType>${rollup}</rollupType></PerfCounterInfo>`;
const IDS = counterIds(
  readNode(
    `<val>${counter(12, "cpu", "used", "summation")}${counter(5, "virtualDisk", "read", "average")}${counter(6, "cpu", "usage", "average")}</val>`,
  ),
);
const series = (id: number, instance: string, ...values: readonly number[]): string =>
  `<value><id><counterId>${id}</counterId><instance>${instance}</instance></id>${values.map((v) => `<value>${v}</value>`).join("")}</value>`;
const sample = (time: string): string =>
  `<sampleInfo><timestamp>2026-01-01T00:00:${time}Z</timestamp><interval>20</interval></sampleInfo>`;

describe("the counters of a guest", () => {
  const first = withSamples(undefined, readNode(`<m>${sample("20")}${series(12, "", 500)}</m>`), IDS);

  it("are those that the server has, by their names", () => {
    expect([...IDS]).toEqual([
      ["cpuUsedMs", 12],
      ["readKib", 5],
    ]);
  });

  it("are summed up over samples, each once, and rates by their seconds", () => {
    const more = `<m>${sample("20")}${sample("40")}${series(12, "", 500, 300)}${series(5, "scsi0:0", 9, 2)}</m>`;
    const then = withSamples(first, readNode(more), IDS);
    expect(totalOf(then, "cpuUsedMs")).toBe(800n);
    expect(totalOf(then, "readKib", "scsi0:0")).toBe(40n);
    expect(then.until).toBe("2026-01-01T00:00:40Z");
  });

  it("leave out what the server does not know", () => {
    const gap = readNode(`<m>${sample("40")}${series(12, "", -1)}${series(99, "", 7)}</m>`);
    expect(totalOf(withSamples(first, gap, IDS), "cpuUsedMs")).toBe(500n);
  });

  it("are asked for from where they were last heard", () => {
    const config = readNode(
      `<config xmlns:xsi="x"><hardware><device xsi:type="ParaVirtualSCSIController"><key>1000</key><busNumber>0</busNumber></device><device xsi:type="VirtualDisk"><key>2000</key><controllerKey>1000</controllerKey><unitNumber>1</unitNumber></device></hardware></config>`,
    );
    expect(querySpec(reference("VirtualMachine", "vm-1"), config, IDS, first)).toMatchObject({
      startTime: "2026-01-01T00:00:20Z",
      metricId: [
        { counterId: 12, instance: "" },
        { counterId: 5, instance: "scsi0:1" },
      ],
      intervalId: 20,
    });
  });
});
