import type { Event, WatchResponse } from "@virtmesh/api/gen/virtmesh/v1/event";
import { VirtError } from "@virtmesh/core/errors";
import { EventHub } from "./event-hub.ts";
import { EventLog } from "./event-log.ts";
import type { WatchPlan } from "./watch.ts";
import { watchLog } from "./watch.ts";

const never = new AbortController().signal;

function world(capacity = 100) {
  const log = new EventLog("inst", capacity);
  const told: Event[] = [];
  const hub = new EventHub({
    log,
    uri: "test://a/default",
    host: "a",
    generationOf: () => 4n,
    onEvent: (e) => told.push(e),
  });
  const say = (name: string): Event =>
    hub.emit({ uuid: `uuid-${name}`, name, body: { $case: "guestPanic", value: { detail: name } } });
  return { log, hub, told, say };
}

function watch(log: EventLog, plan: Partial<WatchPlan> = {}, signal = never) {
  return watchLog(log, { accept: () => true, resumeToken: "", heartbeatMs: 60_000, ...plan }, signal);
}

function show(message: WatchResponse | undefined): string {
  const { kind } = message ?? {};
  return kind?.$case === "event" ? kind.value.domainName : (kind?.$case ?? "end");
}

async function read(stream: AsyncGenerator<WatchResponse>, count: number): Promise<string[]> {
  const seen: string[] = [];
  while (seen.length < count) {
    const next = await stream.next();
    seen.push(next.done ? "end" : show(next.value));
  }
  return seen;
}

describe("watching events", () => {
  it("gives events their place, id, generation and host", () => {
    const { say, told } = world();
    say("a");
    const event = say("b");
    expect(event).toMatchObject({
      id: "inst.2",
      sequence: 2n,
      generation: 4n,
      host: "a",
      uri: "test://a/default",
    });
    expect(told.map((e) => e.domainName)).toEqual(["a", "b"]);
  });

  it("begins with now, says so, and goes on with what happens", async () => {
    const { log, say } = world();
    say("before");
    const stream = watch(log);
    expect(await read(stream, 1)).toEqual(["synced"]);
    say("after");
    expect(await read(stream, 1)).toEqual(["after"]);
    await stream.return();
  });

  it("goes on after a token without losing or repeating anything", async () => {
    const { log, say } = world();
    say("1");
    const first = watch(log, { resumeToken: log.tokenOf(0n) });
    const { value } = await first.next();
    await first.return();
    say("2");
    const second = watch(log, { resumeToken: (value as WatchResponse).resumeToken });
    expect(await read(second, 2)).toEqual(["2", "synced"]);
    await second.return();
  });

  it("leaves out what is not wanted, but moves its token on", async () => {
    const { log, say } = world();
    const stream = watch(log, { resumeToken: log.tokenOf(0n), accept: (e) => e.domainName === "b" });
    for (const name of ["a", "b", "c"]) say(name);
    expect(await read(stream, 1)).toEqual(["b"]);
    const synced = await stream.next();
    expect(synced.value).toMatchObject({ resumeToken: "inst:3", kind: { $case: "synced" } });
    await stream.return();
  });

  it("admits a gap when the token is older than what is kept", async () => {
    const { log, say } = world(2);
    for (const name of ["1", "2", "3", "4"]) say(name);
    const stream = watch(log, { resumeToken: log.tokenOf(1n) });
    expect(await read(stream, 4)).toEqual(["gap", "3", "4", "synced"]);
    await stream.return();
  });

  it("admits a gap when the token is of an earlier run of the agent", async () => {
    const { log, say } = world();
    say("1");
    const stream = watch(log, { resumeToken: "earlier:7" });
    expect(await read(stream, 3)).toEqual(["gap", "1", "synced"]);
    await stream.return();
  });

  it.each(["nonsense", "inst:99"])("refuses the token %s", async (resumeToken) => {
    const { log } = world();
    await expect(watch(log, { resumeToken }).next()).rejects.toMatchObject({ reason: "INVALID_FIELD" });
  });

  it("sends the snapshot before it says synced, and what happened meanwhile after it", async () => {
    const { log, hub, say } = world();
    const snapshot = () =>
      ["x", "y"].map((name) =>
        hub.snapshotOf({ uuid: name, name, body: { $case: "domainChanged", value: { domain: undefined } } }),
      );
    const stream = watch(log, { snapshot });
    expect(await read(stream, 1)).toEqual(["x"]);
    say("meanwhile");
    expect(await read(stream, 3)).toEqual(["y", "synced", "meanwhile"]);
    await stream.return();
  });

  it("tells a reader that is too slow where it was", async () => {
    const { log, say } = world(3);
    const stream = watch(log);
    await read(stream, 1);
    for (let i = 0; i < 5; i++) say(String(i));
    const e: unknown = await stream.next().catch((caught: unknown) => caught);
    expect(VirtError.is(e) && [e.reason, e.context.metadata]).toEqual([
      "SLOW_READER",
      { resume_token: "inst:0" },
    ]);
  });

  it("shows that it lives when nothing happens", async () => {
    const { log } = world();
    const stream = watch(log, { heartbeatMs: 1 });
    expect(await read(stream, 2)).toEqual(["synced", "heartbeat"]);
    await stream.return();
  });

  it("ends when the reader leaves", async () => {
    const { log } = world();
    const reader = new AbortController();
    const stream = watch(log, {}, reader.signal);
    await read(stream, 1);
    const next = read(stream, 1);
    reader.abort();
    expect(await next).toEqual(["end"]);
  });
});
