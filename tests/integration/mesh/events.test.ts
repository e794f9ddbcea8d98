import { startNats } from "@virtmesh/lab/nats";
import type { WatchItem } from "@virtmesh/mesh/events";
import { publishEvent, watchEvents } from "@virtmesh/mesh/events";
import { EVENTS_STREAM } from "@virtmesh/mesh/infrastructure";
import { untilStopped } from "../../faults/lab/stopped.ts";
import { connected, lifecycleEvent, nextStatus, storedIds } from "./support.ts";

jest.setTimeout(60_000);

const limit = (): AbortSignal => AbortSignal.timeout(30_000);

/** Items of a watch until one satisfies the test; that one is the last. */
async function until(
  watch: AsyncIterable<WatchItem>,
  test: (item: WatchItem) => boolean,
): Promise<WatchItem[]> {
  const items: WatchItem[] = [];
  for await (const item of watch) {
    items.push(item);
    if (test(item)) break;
  }
  return items;
}

const brief = (item: WatchItem): string => (item.kind === "event" ? item.event.id : item.kind);

describe("publishEvent", () => {
  it("stores an event once, however often it is published", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    expect(await publishEvent(mesh, lifecycleEvent(1))).toEqual({ sequence: 1, duplicate: false });
    expect(await publishEvent(mesh, lifecycleEvent(1))).toEqual({ sequence: 1, duplicate: true });
    expect(await storedIds(mesh)).toEqual(["instance-1.1"]);
  });

  it("fails with EVENTS_UNAVAILABLE when NATS stands still", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    nats.pause();
    await untilStopped(nats.pid);
    await expect(publishEvent(mesh, lifecycleEvent(1), { timeoutMs: 200 })).rejects.toMatchObject({
      reason: "EVENTS_UNAVAILABLE",
    });
    nats.resume();
  });
});

describe("watchEvents", () => {
  it("replays from a token, says when it is in step, and goes on", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    const before = await until(
      watchEvents(mesh, { after: "now", signal: limit() }),
      (i) => i.kind === "synced",
    );
    for (let i = 1; i <= 3; i++) await publishEvent(mesh, lifecycleEvent(i));
    const after = before.at(-1)?.token ?? "";
    const first = await until(
      watchEvents(mesh, { after, signal: limit() }),
      (i) => brief(i) === "instance-1.1",
    );
    expect(first.map(brief)).toEqual(["instance-1.1"]);
    const seen: string[] = [];
    for await (const item of watchEvents(mesh, { after: first.at(-1)?.token ?? "", signal: limit() })) {
      seen.push(brief(item));
      if (item.kind === "synced") await publishEvent(mesh, lifecycleEvent(4));
      if (seen.at(-1) === "instance-1.4") break;
    }
    expect(seen).toEqual(["instance-1.2", "instance-1.3", "synced", "instance-1.4"]);
  });

  it("tells a gap when the next event was purged, and goes on with what is there", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    const start = await until(
      watchEvents(mesh, { after: "now", signal: limit() }),
      (i) => i.kind === "synced",
    );
    for (let i = 1; i <= 5; i++) await publishEvent(mesh, lifecycleEvent(i));
    await mesh.session?.jsm.streams.purge(EVENTS_STREAM, { seq: 4 });
    const after = start.at(-1)?.token ?? "";
    const items = await until(watchEvents(mesh, { after, signal: limit() }), (i) => i.kind === "synced");
    expect(items.map(brief)).toEqual(["gap", "instance-1.4", "instance-1.5", "synced"]);
  });

  it("tells a gap when the stream was made anew", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    await publishEvent(mesh, lifecycleEvent(1));
    const old = await until(watchEvents(mesh, { after: "now", signal: limit() }), (i) => i.kind === "synced");
    await mesh.session?.jsm.streams.delete(EVENTS_STREAM);
    await using other = await connected(nats.url);
    await publishEvent(other, lifecycleEvent(2));
    const after = old.at(-1)?.token ?? "";
    const items = await until(watchEvents(other, { after, signal: limit() }), (i) => i.kind === "synced");
    expect(items.map(brief)).toEqual(["gap", "instance-1.2", "synced"]);
  });

  it("goes on over a restart of NATS without losing or repeating an event", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    const seen: string[] = [];
    const synced = Promise.withResolvers<void>();
    const heard = Promise.withResolvers<void>();
    const reading = (async () => {
      for await (const item of watchEvents(mesh, { after: "now", signal: limit() })) {
        seen.push(brief(item));
        if (item.kind === "synced") synced.resolve();
        if (brief(item) === "instance-1.1") heard.resolve();
        if (brief(item) === "instance-1.3") break;
      }
    })();
    await synced.promise;
    await publishEvent(mesh, lifecycleEvent(1));
    await heard.promise;
    const down = nextStatus(mesh, false);
    await nats.kill("SIGKILL");
    await down;
    await nats.restart();
    await publishEvent(mesh, lifecycleEvent(2), { timeoutMs: 10_000 });
    await publishEvent(mesh, lifecycleEvent(3));
    await reading;
    expect(seen.filter((s) => s !== "synced")).toEqual(["instance-1.1", "instance-1.2", "instance-1.3"]);
  });

  it("gives only what was asked for, by host, pattern and guest", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    const start = await until(
      watchEvents(mesh, { after: "now", signal: limit() }),
      (i) => i.kind === "synced",
    );
    const after = start.at(-1)?.token ?? "";
    await publishEvent(mesh, lifecycleEvent(1, "host-a", "a"));
    await publishEvent(mesh, lifecycleEvent(1, "host-b", "b"));
    await publishEvent(mesh, { ...lifecycleEvent(2, "host-b", "b"), domainUuid: "other" });
    const read = async (filter: object): Promise<string[]> => {
      const items = await until(
        watchEvents(mesh, { after, filter, signal: limit() }),
        (i) => i.kind === "synced",
      );
      return items.map(brief);
    };
    expect(await read({ uri: "test://host-b/default" })).toEqual(["b.1", "b.2", "synced"]);
    expect(await read({ uri: "test://*/default" })).toEqual(["a.1", "b.1", "b.2", "synced"]);
    expect(await read({ domainUuid: "other" })).toEqual(["b.2", "synced"]);
    expect(await read({ uri: "qemu://*/system" })).toEqual(["synced"]);
  });

  it("sends heartbeats to an idle reader, with a token to go on from", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    await publishEvent(mesh, lifecycleEvent(1));
    const watch = watchEvents(mesh, { after: "now", heartbeatMs: 20, signal: limit() });
    let synced = "";
    // While it connects it sends them as well.
    const items = await until(watch, (i) => {
      if (i.kind === "synced") synced = i.token;
      return i.kind === "heartbeat" && synced !== "";
    });
    expect(items.at(-2)?.kind).toBe("synced");
    expect(items.at(-1)?.token).toBe(synced);
  });

  it("tells a reader that falls too far behind, with its last token, and loses nothing for that", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    const seen: WatchItem[] = [];
    let failure: unknown;
    try {
      for await (const item of watchEvents(mesh, { after: "now", maxBehind: 10, signal: limit() })) {
        seen.push(item);
        if (item.kind === "synced") {
          // While this reader is busy, 600 events happen: more than are fetched ahead.
          for (let i = 1; i <= 600; i++) await publishEvent(mesh, lifecycleEvent(i));
        }
      }
    } catch (e) {
      failure = e;
    }
    expect(failure).toMatchObject({ reason: "SLOW_READER" });
    const { metadata } = (failure as { context: { metadata: Record<string, string> } }).context;
    const after = metadata["resume_token"] ?? "";
    expect(after).toBe(seen.at(-1)?.token);
    const rest = await until(watchEvents(mesh, { after, signal: limit() }), (i) => i.kind === "synced");
    expect(seen.length - 1 + rest.length - 1).toBe(600);
  });

  it("refuses a text that is no token", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    await expect(watchEvents(mesh, { after: "yesterday", signal: limit() }).next()).rejects.toMatchObject({
      reason: "INVALID_PAGE_TOKEN",
    });
  });
});
