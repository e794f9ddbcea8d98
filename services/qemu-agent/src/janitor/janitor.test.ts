import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JournalFile } from "@virtmesh/agent/migration/journal";
import { sampleOffer } from "@virtmesh/agent/migration/sample-offer";
import { createLogger } from "@virtmesh/kit/logger";
import { createMetrics } from "@virtmesh/kit/metrics";
import type { DomainUuid, MigrationId } from "@virtmesh/core/ids";
import { IncomingRecords } from "../migration/incoming-record.ts";
import { makeEmptyFile } from "../migration/made-images.ts";
import { sweepIncoming } from "./incoming-images.ts";
import { reportLeftovers } from "./leftovers.ts";
import { ownGuest } from "./own-processes.ts";
import { sweepDaemonFolders, sweepGuestFolders } from "./run-folders.ts";
import { hasPromised } from "./stray-processes.ts";
import { sweepUnfinishedFiles } from "./unfinished-files.ts";

let dir = "";
const servers: Server[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "janitor-"));
});
afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
  await rm(dir, { recursive: true });
});

async function listen(path: string): Promise<void> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
}

async function folder(parent: string, name: string, files: readonly string[]): Promise<string> {
  const path = join(parent, name);
  await mkdir(path, { recursive: true });
  for (const file of files) await writeFile(join(path, file), "");
  return path;
}

const sorted = async (path: string): Promise<readonly string[]> => (await readdir(path)).toSorted();

const nobody = (): boolean => false;

describe("folders of guests that do not run", () => {
  it("go when only an agent and its QEMU made what is in them", async () => {
    await folder(dir, randomUUID(), ["status.json", "status.json.new", "qemu.pid"]);
    await folder(dir, randomUUID(), []);
    const swept = await sweepGuestFolders(dir, nobody, nobody);
    expect(swept.map(({ outcome }) => outcome)).toEqual(["removed", "removed"]);
    expect(await readdir(dir)).toEqual([]);
  });

  it("stay when a QEMU says that it runs in them, though its sockets are gone", async () => {
    const path = await folder(dir, randomUUID(), ["status.json"]);
    const [swept] = await sweepGuestFolders(dir, nobody, (uuid) => path.endsWith(uuid));
    expect(swept).toMatchObject({ what: path, outcome: "left" });
  });

  it("stay when their guest runs", async () => {
    const uuid = randomUUID();
    await folder(dir, uuid, ["status.json"]);
    expect(await sweepGuestFolders(dir, (each) => each === uuid, nobody)).toEqual([]);
    expect(await readdir(dir)).toEqual([uuid]);
  });

  it("stay, and are named, when a QEMU runs in them or something of somebody else lies there", async () => {
    const alive = await folder(dir, randomUUID(), ["status.json"]);
    await listen(join(alive, "alive.sock"));
    const foreign = await folder(dir, randomUUID(), ["status.json", "notes.txt"]);
    const other = await folder(dir, "my-backups", ["status.json"]);
    const swept = await sweepGuestFolders(dir, nobody, nobody);
    expect(new Map(swept.map(({ what, outcome, why }) => [what, `${outcome}: ${why}`]))).toEqual(
      new Map([
        [alive, "left: a QEMU runs in it, and its status cannot be read; end it by hand"],
        [foreign, "left: it holds notes.txt, which no agent makes"],
        [other, "left: no agent makes a folder of that name"],
      ]),
    );
    expect(await readdir(dir)).toHaveLength(3);
  });
});

describe("a QEMU that runs without a folder", () => {
  const UUID = "6a1b0c5e-3f0e-4c40-9d3a-0d3f1f2a9b11" as DomainUuid;
  const argv = ["qemu-system-x86_64", "-name", "guest=a,,b,debug-threads=on", "-incoming", "defer"];

  it.each([
    [`/run/v/qemu/${UUID}/qemu.pid`, { uuid: UUID, name: "a,b", incoming: true }],
    [`/run/other/qemu/${UUID}/qemu.pid`, undefined],
    [`/run/v/qemu/${UUID}/x/qemu.pid`, undefined],
    ["/run/v/qemu/mine/qemu.pid", undefined],
  ])("is ours only by a pidfile where an agent has one: %s", (pidfile, guest) => {
    expect(ownGuest([...argv, "-pidfile", pidfile], "/run/v/qemu")).toEqual(guest);
  });

  it.each([
    ["that migration's promise", {}, true],
    ["one of another guest", { uuid: randomUUID() }, false],
    ["that of an earlier migration", { startedMs: 60_000 }, false],
    ["that of a later one", { startedMs: 1_000 }, false],
    ["one that was not waiting for a migration", { incoming: false }, false],
  ])("is ended by nothing but the promise of the migration it was started for: %s", (_, change, ends) => {
    const { plan } = sampleOffer();
    const offer = sampleOffer({ plan: { ...plan, uuid: UUID } });
    const journal = {
      header: { side: "destination", offer },
      lines: [
        { entry: "begun", atMs: 10_000 },
        { entry: "promised", atMs: 20_000 },
      ],
    } as unknown as JournalFile;
    const { startedMs, ...stray } = { uuid: UUID, incoming: true, startedMs: 12_000, ...change };
    expect(hasPromised(journal, stray, startedMs)).toBe(ends);
    const resumed = {
      ...journal,
      lines: [
        { entry: "begun", atMs: 10_000 },
        { entry: "resuming", atMs: 20_000 },
      ],
    };
    expect(hasPromised(resumed as JournalFile, stray, startedMs)).toBe(false);
  });
});

it("folders of storage daemons go, and what only has such a name stays", async () => {
  await folder(dir, "storage-aB3xY9", ["log"]);
  await folder(dir, "storage-backup", ["disk.raw"]);
  await folder(dir, "storage-of-mine", []);
  const swept = await sweepDaemonFolders(dir);
  expect(swept.map(({ outcome }) => outcome).toSorted()).toEqual(["left", "removed"]);
  expect(await sorted(dir)).toEqual(["storage-backup", "storage-of-mine"]);
});

describe("what incoming migrations made", () => {
  const records = (): IncomingRecords => new IncomingRecords(dir);

  async function migration(entries: readonly string[]): Promise<{ id: MigrationId; image: string }> {
    const id = randomUUID() as MigrationId;
    const image = join(dir, `${id}.raw`);
    const file = await makeEmptyFile(image, "vda");
    await writeFile(image, "what was copied");
    await records().write(id, { images: [{ path: image, sinceMs: Date.now(), file }] });
    await mkdir(join(dir, "migrations"), { recursive: true });
    const header = { side: "destination", offer: { plan: { id } } };
    const lines = [header, ...entries.map((entry) => ({ entry, atMs: 0 }))].map((line) =>
      JSON.stringify(line),
    );
    await writeFile(join(dir, "migrations", `${id}.destination.jsonl`), `${lines.join("\n")}\n`);
    return { id, image };
  }

  const sweep = (isUsed: (image: string) => boolean = () => false) => sweepIncoming(dir, records(), isUsed);

  it("goes when the migration was given up", async () => {
    const { image } = await migration(["begun", "ended"]);
    expect((await sweep()).map(({ kind, outcome }) => `${kind} ${outcome}`)).toEqual([
      "image removed",
      "incoming-record removed",
    ]);
    await expect(readdir(image)).rejects.toMatchObject({ code: "ENOENT" });
    expect(await readdir(join(dir, "incoming"))).toEqual([]);
  });

  it("stays for whoever takes the migration up, when that is not over", async () => {
    const { id } = await migration(["begun"]);
    expect(await sweep()).toEqual([]);
    expect(await readdir(join(dir, "incoming"))).toEqual([`${id}.json`]);
  });

  it("keeps its images when the guest may have run here: only the record goes", async () => {
    const { id } = await migration(["begun", "resuming", "resumed", "ended"]);
    expect((await sweep()).map(({ kind }) => kind)).toEqual(["incoming-record"]);
    expect(await readdir(dir)).toContain(`${id}.raw`);
  });

  it("keeps an image that another guest has as its disk by now", async () => {
    const { id, image } = await migration(["begun", "ended"]);
    expect(await sweep((path) => path === image)).toContainEqual(
      expect.objectContaining({ kind: "image", outcome: "left", why: "a guest has it as a disk" }),
    );
    expect(await readdir(dir)).toContain(`${id}.raw`);
  });

  it("keeps a file that somebody else put in an image's place", async () => {
    const { id, image } = await migration(["begun", "ended"]);
    await rm(image);
    await writeFile(`${image}.theirs`, "");
    await writeFile(image, "not ours");
    await sweep();
    expect(await readdir(dir)).toContain(`${id}.raw`);
  });

  it("keeps all where no journal tells what became of it", async () => {
    const { id } = await migration(["begun", "ended"]);
    await rm(join(dir, "migrations"), { recursive: true });
    expect((await sweep()).map(({ outcome }) => outcome)).toEqual(["left"]);
    expect(await readdir(dir)).toContain(`${id}.raw`);
  });
});

it("files that were being written go, and what only looks like one stays", async () => {
  const uuid = randomUUID();
  await folder(dir, "disk-moves", [`${uuid}.json`, `${uuid}.json.new`, "notes.new"]);
  expect((await sweepUnfinishedFiles(dir)).map(({ what }) => what)).toEqual([
    join(dir, "disk-moves", `${uuid}.json.new`),
  ]);
  expect(await sorted(join(dir, "disk-moves"))).toEqual([`${uuid}.json`, "notes.new"].toSorted());
});

it("what was found is counted by kind and by what became of it", async () => {
  const metrics = createMetrics({ service: "qemu-agent", host: "host-a" });
  const about = { kind: "tap", why: "" } as const;
  const found = ["vnet3", "vnet4"].map((what) => ({ ...about, what, outcome: "left" as const }));
  reportLeftovers(found, createLogger({ service: "qemu-agent", level: "silent" }), metrics);
  expect(await metrics.scrape()).toMatch(/virtmesh_leftovers\{kind="tap",outcome="left".*\} 2/);
});
