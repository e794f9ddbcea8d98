import type { QmpConnection } from "../qmp/connection.ts";
import { sample } from "./sample.ts";

/** A QEMU that lists its jobs in the order in which they came about. */
function qemu(...devices: string[]): QmpConnection {
  const jobs = devices.map((device, n) => ({ device, len: 100, offset: n }));
  return { execute: async () => jobs } as unknown as QmpConnection;
}

describe("how far a migration is", () => {
  it("is told of its disks in the order of the definition, without jobs that are not its own", async () => {
    const jobs = new Map([
      ["job-vda", "vda"],
      ["job-vdb", "vdb"],
      ["job-vdc", "vdc"],
    ]);
    const qmp = qemu("job-vdb", "backup", "job-vda");
    const { disks } = await sample(qmp, jobs, { memory: false, signal: AbortSignal.timeout(1_000) });
    expect(disks).toEqual([
      { target: "vda", totalBytes: 100n, copiedBytes: 2n },
      { target: "vdb", totalBytes: 100n, copiedBytes: 0n },
    ]);
  });
});
