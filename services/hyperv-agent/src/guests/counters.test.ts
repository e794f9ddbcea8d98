import { cardCountersOf, countersOf, diskCountersOf } from "./counters.ts";

const COUNTERS = countersOf(
  [
    { Name: "web:Hv VP 0", PercentTotalRunTime: 10n },
    { Name: "web:Hv VP 1", PercentTotalRunTime: 5n },
    { Name: "web:2:Hv VP 0", PercentTotalRunTime: 7n },
    { Name: "_Total", PercentTotalRunTime: 22n },
  ],
  [{ Name: "C:-VMs-a-web.vhdx", ReadBytesPersec: 4096n }],
  [{ Name: "web_Network Adapter_A1--B2", BytesSentPersec: 9n }],
);

describe("the counters of Windows", () => {
  it("have the time of every processor of a guest, whatever it is called", () => {
    expect([...COUNTERS.cpuTimes]).toEqual([
      ["web", 1500n],
      ["web:2", 700n],
    ]);
  });

  it("are those of a disk by its path, in which dashes stand for backslashes", () => {
    expect(diskCountersOf(COUNTERS, "c:\\vms\\a\\WEB.vhdx")).toMatchObject({ ReadBytesPersec: 4096n });
    expect(diskCountersOf(COUNTERS, "C:\\VMs\\web.vhdx")).toBeUndefined();
  });

  it("are those of a card by the ids of its guest and of itself", () => {
    expect(cardCountersOf(COUNTERS, "Microsoft:a1\\b2")).toMatchObject({ BytesSentPersec: 9n });
    expect(cardCountersOf(COUNTERS, "Microsoft:A2\\B2")).toBeUndefined();
  });
});
