import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, cp, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { Outbox } from "@virtmesh/agent/outbox/outbox";
import type { NatsServer } from "@virtmesh/lab/nats";
import { startNats } from "@virtmesh/lab/nats";
import type { Mesh } from "@virtmesh/mesh/connection";
import { connectMesh } from "@virtmesh/mesh/connection";
import { watchEvents } from "@virtmesh/mesh/events";
import { BEGINNING, connected, idsUpTo, lifecycleEvent, storedIds } from "./support.ts";

jest.setTimeout(60_000);

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "virtmesh-outbox-"));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

async function drained(outbox: Outbox): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  using _listening = outbox.onDrained(resolve);
  if (outbox.length > 0) await promise;
}

/** Until so many events are stored. */
async function stored(mesh: Mesh, count: number): Promise<void> {
  let seen = 0;
  for await (const item of watchEvents(mesh, { after: BEGINNING, signal: AbortSignal.timeout(30_000) })) {
    if (item.kind === "event" && ++seen === count) return;
  }
}

describe("Outbox", () => {
  it("delivers 2,000 events once and in order although NATS is killed in the middle", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    await using outbox = await Outbox.open({ dir, mesh });
    const events = idsUpTo(2_000).map((_, i) => lifecycleEvent(i + 1));
    await Promise.all(events.slice(0, 1_000).map((event) => outbox.append(event)));
    await stored(mesh, 500);
    await nats.kill("SIGKILL");
    await Promise.all(events.slice(1_000).map((event) => outbox.append(event)));
    expect(outbox.length).toBeGreaterThan(0);
    await nats.restart();
    await drained(outbox);
    expect(await storedIds(mesh)).toEqual(idsUpTo(2_000));
  });

  it("delivers once and in order although NATS stands still for 5 seconds", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    await using outbox = await Outbox.open({ dir, mesh });
    const appended = Promise.all(idsUpTo(1_000).map((_, i) => outbox.append(lifecycleEvent(i + 1))));
    await stored(mesh, 50);
    nats.pause();
    await appended;
    await delay(5_000);
    nats.resume();
    await drained(outbox);
    expect(await storedIds(mesh)).toEqual(idsUpTo(1_000));
  });

  it("takes events while NATS was never there, and keeps them over a restart of the agent", async () => {
    await using nats = await startNats();
    await nats.kill("SIGKILL");
    {
      await using mesh = connectMesh({ servers: nats.url, name: "test" });
      await using outbox = await Outbox.open({ dir, mesh, segmentBytes: 1_000 });
      for (let i = 1; i <= 100; i++) await outbox.append(lifecycleEvent(i));
      expect(outbox.length).toBe(100);
      expect(outbox.oldestMs).toBeGreaterThanOrEqual(0);
    }
    await nats.restart();
    await using mesh = await connected(nats.url);
    await using outbox = await Outbox.open({ dir, mesh, segmentBytes: 1_000 });
    await drained(outbox);
    expect(await storedIds(mesh)).toEqual(idsUpTo(100));
  });

  it("loses nothing that was appended, and sends nothing twice, when the agent is killed", async () => {
    await using nats = await startNats();
    let safe = 0;
    {
      const child = spawn(process.execPath, [join(__dirname, "outbox-child.ts"), nats.url, dir], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const enough = Promise.withResolvers<void>();
      createInterface({ input: child.stdout }).on("line", (line) => {
        safe = Number(line);
        if (safe === 700) enough.resolve();
      });
      await enough.promise;
      const ended = once(child, "close");
      child.kill("SIGKILL");
      await ended;
    }
    await using mesh = await connected(nats.url);
    await using outbox = await Outbox.open({ dir, mesh });
    await drained(outbox);
    const ids = await storedIds(mesh);
    // The last line may have been written and not read, or the last event written and not told.
    expect(ids.length).toBeGreaterThanOrEqual(safe);
    expect(ids).toEqual(idsUpTo(ids.length));
  });

  it("sends nothing twice when its position was lost and the duplicate window has passed", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url, { duplicateWindowMs: 100 });
    {
      await using outbox = await Outbox.open({ dir, mesh });
      for (let i = 1; i <= 20; i++) await outbox.append(lifecycleEvent(i));
      await drained(outbox);
    }
    await writeFile(join(dir, "position"), 'next 5 last "instance-1.5"\n');
    await delay(500);
    await using outbox = await Outbox.open({ dir, mesh });
    await outbox.append(lifecycleEvent(21));
    await drained(outbox);
    expect(await storedIds(mesh)).toEqual(idsUpTo(21));
  });

  it("sends again what the server had stored and then lost", async () => {
    await using nats = await startNats();
    const backup = join(dir, "backup");
    const box = join(dir, "box");
    await using mesh = await connected(nats.url);
    await using outbox = await Outbox.open({ dir: box, mesh });
    for (let i = 1; i <= 50; i++) await outbox.append(lifecycleEvent(i));
    await drained(outbox);
    await nats.kill();
    await cp(nats.dir, backup, { recursive: true });
    await nats.restart();
    for (let i = 51; i <= 80; i++) await outbox.append(lifecycleEvent(i));
    await drained(outbox);
    await putBack(nats, backup);
    await outbox.append(lifecycleEvent(81));
    await drained(outbox);
    expect(await storedIds(mesh)).toEqual(idsUpTo(81));
  });

  it("cuts half an event off the end, keeps the cut bytes and goes on", async () => {
    await using nats = await startNats();
    await nats.kill("SIGKILL");
    {
      await using mesh = connectMesh({ servers: nats.url, name: "test" });
      await using outbox = await Outbox.open({ dir, mesh });
      for (let i = 1; i <= 10; i++) await outbox.append(lifecycleEvent(i));
    }
    const [segment = ""] = (await readdir(dir)).filter((name) => name.endsWith(".log"));
    await appendFile(join(dir, segment), Buffer.from([200, 0, 0, 0, 1, 2, 3, 4, 5]));
    await nats.restart();
    await using mesh = await connected(nats.url);
    await using outbox = await Outbox.open({ dir, mesh });
    await outbox.append(lifecycleEvent(11));
    await drained(outbox);
    expect(await storedIds(mesh)).toEqual(idsUpTo(11));
    expect(await readdir(dir)).toContain(`${segment}.torn`);
  });

  it("tells that nothing waits any more, whatever the number of events", async () => {
    await using nats = await startNats();
    for (const count of [1, 63, 64, 65, 128]) {
      await nats.kill("SIGKILL");
      await using mesh = connectMesh({ servers: nats.url, name: "test" });
      await using outbox = await Outbox.open({ dir: join(dir, String(count)), mesh });
      for (let i = 1; i <= count; i++) await outbox.append(lifecycleEvent(i, "host-a", `instance-${count}`));
      const empty = drained(outbox);
      await nats.restart();
      await empty;
      expect(outbox.length).toBe(0);
    }
  });

  it("refuses an event that could never leave", async () => {
    await using mesh = connectMesh({ servers: "nats://127.0.0.1:1", name: "test" });
    await using outbox = await Outbox.open({ dir, mesh });
    await expect(outbox.append({ ...lifecycleEvent(1), host: "a.b" })).rejects.toThrow(
      "cannot be part of a NATS subject",
    );
    await expect(outbox.append({ ...lifecycleEvent(1), actor: "x".repeat(2_000_000) })).rejects.toThrow(
      "at most",
    );
    expect(outbox.length).toBe(0);
  });
});

async function putBack(nats: NatsServer, backup: string): Promise<void> {
  await nats.kill("SIGKILL");
  await rm(nats.dir, { recursive: true });
  await cp(backup, nats.dir, { recursive: true });
  await nats.restart();
}
