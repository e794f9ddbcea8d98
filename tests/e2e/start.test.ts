import { readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { Child } from "@virtmesh/lab/process";

const DEMO_MS = 240_000;
const KIND = "virtmesh-demo-";

async function start(): Promise<Child> {
  return await Child.start(["bash", "tools/start.sh", "--json"], { name: "npm start" });
}

/** Processes and folders of demos: other runs of it on this computer are not ours to count. */
async function leftovers(): Promise<string[]> {
  const folders = (await readdir(tmpdir())).filter((name) => name.startsWith(KIND));
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map(async (pid) => await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")),
  );
  return [...folders, ...lines.filter((line) => line.includes(KIND))];
}

function lastObject(child: Child): unknown {
  const line = child.tail().findLast((text) => text.startsWith("{"));
  return line === undefined ? undefined : JSON.parse(line);
}

describe("npm start -- --json", () => {
  it(
    "moves a guest live, proves that nothing was lost, and leaves nothing behind",
    async () => {
      const before = await leftovers();
      const demo = await start();
      expect(await demo.exited).toEqual({ code: 0, signal: null });
      expect(lastObject(demo)).toEqual({
        outcome: "migrated",
        downtime_ms: expect.any(Number),
        total_ms: expect.any(Number),
        verified: true,
      });
      expect(await leftovers()).toEqual(before);
    },
    DEMO_MS,
  );

  it(
    "that is interrupted while the guest moves says so and leaves nothing behind",
    async () => {
      const before = await leftovers();
      const demo = await start();
      await demo.line(/"phase":"copying/, AbortSignal.timeout(DEMO_MS));
      demo.kill("SIGINT");
      expect(await demo.exited).toEqual({ code: 1, signal: null });
      expect(lastObject(demo)).toEqual({ outcome: "failed", reason: expect.stringContaining("interrupted") });
      expect(await leftovers()).toEqual(before);
    },
    DEMO_MS,
  );
});
