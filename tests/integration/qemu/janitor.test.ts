import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type RunningMesh, startMesh } from "@virtmesh/lab/mesh";
import type { MeshHost } from "@virtmesh/lab/launcher";
import { Guests, hypervisorPid, smallGuestXml } from "../../e2e/guests.ts";

describe("an agent that is started after one that was killed", () => {
  let mesh: RunningMesh;
  let host: MeshHost;
  let guests: Guests;

  beforeAll(async () => {
    mesh = await startMesh({ netns: true, hosts: ["host-a"] });
    const [only] = mesh.hosts;
    if (only === undefined) throw new Error("the mesh has no host");
    host = only;
    guests = new Guests(mesh, host.uri);
  }, 60_000);
  afterAll(() => mesh?.[Symbol.asyncDispose](), 60_000);

  const folderOf = (uuid: string): string => join(host.runDir, "qemu", uuid);

  /** What its log says of leftovers, by what they are. */
  async function said(): Promise<Record<string, string>> {
    const lines = (await readFile(host.agent.logFile, "utf8"))
      .split("\n")
      .filter((l) => l.includes('"outcome"'));
    const found = lines.map((line) => JSON.parse(line) as { what: string; outcome: string; why: string });
    return Object.fromEntries(found.map(({ what, outcome, why }) => [what, `${outcome}: ${why}`]));
  }

  it("removes what is provably of that one, leaves what only looks so, and says each", async () => {
    const dead = await guests.define(smallGuestXml("dead"));
    const hidden = await guests.define(smallGuestXml("hidden"));
    const alive = await guests.define(smallGuestXml("alive"));
    for (const name of ["dead", "hidden", "alive"]) await guests.start(name);
    const pid = await hypervisorPid(host, dead.uuid);
    await host.agent.kill("SIGKILL");
    // As a power cut or a full disk tears it; one of the two guests has ended besides.
    process.kill(pid, "SIGKILL");
    for (const { uuid } of [dead, hidden]) await writeFile(join(folderOf(uuid), "status.json"), "{");
    const daemon = join(host.runDir, "storage-aB3xY9");
    const backup = join(host.runDir, "storage-backup");
    for (const path of [daemon, backup]) await mkdir(path);
    await writeFile(join(daemon, "log"), "");
    await writeFile(join(backup, "disk.raw"), "precious");
    await host.namespace?.exec(["ip", "tuntap", "add", "dev", "vnet77", "mode", "tap"]);

    await host.agent.restart();
    await mesh.complete();

    expect(await said()).toMatchObject({
      [folderOf(dead.uuid)]: "removed: no guest runs in it",
      [folderOf(hidden.uuid)]: expect.stringMatching(/^left: a QEMU runs in it/),
      [daemon]: "removed: its daemon ended with its agent",
      vnet77: expect.stringMatching(/^left: no guest has it/),
    });
    expect(existsSync(folderOf(dead.uuid))).toBe(false);
    expect(existsSync(folderOf(hidden.uuid))).toBe(true);
    expect(existsSync(daemon)).toBe(false);
    expect(await readFile(join(backup, "disk.raw"), "utf8")).toBe("precious");
    // A guest that runs and is written down is none of that.
    expect(Object.keys(await said())).not.toContain(folderOf(alive.uuid));
    await guests.destroy("alive");
  }, 60_000);
});
