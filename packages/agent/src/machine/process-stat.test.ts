import { isAlive, parseProcessStat, readProcessStat } from "./process-stat.ts";

describe("/proc/PID/stat", () => {
  it("is read whatever the name of the process is", () => {
    const text =
      "4711 (a) b (c) S 1 4711 4711 0 -1 4194560 100 0 0 0 7 3 0 0 20 0 4 0 987654 300000000 2500 18446744073709551615 1";
    expect(parseProcessStat(text)).toEqual({
      state: "S",
      startTicks: 987654,
      cpuTimeNs: 100_000_000n,
      rssBytes: 10_240_000n,
    });
  });

  it("tells a process from a later one with the same pid", () => {
    const own = readProcessStat(process.pid);
    expect(isAlive(process.pid, own?.startTicks ?? 0)).toBe(true);
    expect(isAlive(process.pid, (own?.startTicks ?? 0) - 1)).toBe(false);
  });

  it("says nothing of a process that is not there", () => {
    expect(readProcessStat(2 ** 22 + 1)).toBeUndefined();
  });
});
