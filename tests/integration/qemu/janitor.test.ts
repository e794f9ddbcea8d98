import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type JournalHeader, MigrationJournal } from "@virtmesh/agent/migration/journal";
import { sampleOffer } from "@virtmesh/agent/migration/sample-offer";
import type { DomainUuid, MigrationId } from "@virtmesh/core/ids";
import { type RunningMesh, startMesh } from "@virtmesh/lab/mesh";
import type { MeshHost } from "@virtmesh/lab/launcher";
import { Child, run } from "@virtmesh/lab/process";
import { QmpConnection } from "../../../services/qemu-agent/src/qmp/connection.ts";
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
  function said(): Record<string, string> {
    const lines = host.agent
      .tail()
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

    expect(said()).toMatchObject({
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
    expect(Object.keys(said())).not.toContain(folderOf(alive.uuid));
    await guests.destroy("alive");
  }, 60_000);

  it("leaves a guest at work whose folder is gone, and ends one that its host has promised never to run", async () => {
    const working = await guests.define(smallGuestXml("working"));
    await guests.start("working");
    const pid = await hypervisorPid(host, working.uuid);
    const uuid = randomUUID();
    const journal = await begun(uuid);
    await using given = await waiting(uuid);
    await journal.append("promised");
    await journal.append("ended");
    await journal[Symbol.asyncDispose]();
    await host.agent.kill("SIGKILL");
    for (const gone of [working.uuid, uuid]) await rm(folderOf(gone), { recursive: true });

    await host.agent.restart();
    await mesh.complete();

    expect(await given.exited).toEqual({ code: null, signal: "SIGKILL" });
    expect(said()).toMatchObject({
      [`pid ${given.pid} (guest "given-up", ${uuid})`]: expect.stringMatching(
        /^removed: its migration was given up/,
      ),
      [`pid ${pid} (guest "working", ${working.uuid})`]: expect.stringMatching(
        /^left: it runs, and its folder is gone/,
      ),
    });
    // It is still there to be ended.
    process.kill(pid, "SIGKILL");
  }, 60_000);

  it("closes what a guest still serves of its disks though no migration brings it here", async () => {
    const served = await guests.define(smallGuestXml("served"));
    await guests.start("served");
    await host.agent.kill("SIGKILL");
    const ears = async (): Promise<string> => (await host.namespace?.exec(["ss", "-Hltn"]))?.stdout ?? "";
    {
      using qmp = await QmpConnection.open({ path: join(folderOf(served.uuid), "qmp.sock") });
      await qmp.execute("blockdev-add", { driver: "null-co", "node-name": "disk", size: 1_048_576 });
      const addr = { type: "inet", data: { host: "127.0.0.1", port: "10899" } } as const;
      await qmp.execute("nbd-server-start", { addr, "max-connections": 1 });
      const about = { type: "nbd", "node-name": "disk", name: "vda", writable: true } as const;
      await qmp.execute("block-export-add", { id: "export-vda", ...about });
    }
    expect(await ears()).toContain(":10899");

    await host.agent.restart();
    await mesh.complete();

    expect(said()).toMatchObject({
      'export-vda of guest "served"': "removed: no migration brings the guest here any more",
    });
    expect(await ears()).not.toContain(":10899");
    await guests.destroy("served");
  }, 60_000);

  /** A QEMU as an agent starts it for a migration. */
  async function waiting(uuid: string): Promise<Child> {
    const folder = folderOf(uuid);
    await mkdir(folder, { recursive: true });
    const monitor = `unix:${join(folder, "qmp.sock")},server=on,wait=off`;
    const name = ["-name", "guest=given-up,debug-threads=on", "-incoming", "defer", "-qmp", monitor];
    const bare = ["-S", "-nodefaults", "-display", "none", "-machine", "q35"];
    const argv = ["qemu-system-x86_64", ...name, ...bare, "-pidfile", join(folder, "qemu.pid")];
    const child = await Child.start(argv, { name: "a QEMU that waits" });
    // It has written its pid by the time it answers.
    await run([
      "timeout",
      "20",
      "sh",
      "-c",
      'until [ -s "$0" ]; do sleep 0.05; done',
      join(folder, "qemu.pid"),
    ]);
    return child;
  }

  /** The journal of a migration that has begun here. */
  async function begun(uuid: string): Promise<MigrationJournal> {
    const { plan } = sampleOffer();
    const offer = sampleOffer({
      plan: { ...plan, id: randomUUID() as MigrationId, uuid: uuid as DomainUuid },
    });
    const header: JournalHeader = {
      ...{ side: "destination", offer, sourceUri: "qemu://host-z/system", destinationUri: host.uri },
      ...{ undefineSource: false, startedAtMs: Date.now(), actor: "", trace: "" },
    };
    const journal = await MigrationJournal.create(join(host.stateDir, "migrations"), header);
    await journal.append("begun");
    return journal;
  }
});
