import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Event, WatchResponse } from "@virtmesh/api/gen/virtmesh/v1/event";
import { fromRpcStatus } from "@virtmesh/kit/status";
import { createTestDriver } from "@virtmesh/test-driver/test-driver";
import { deafGuestXml, failure, guestXml, tempDir, testAgent } from "./support.ts";

jest.setTimeout(120_000);

const UUID = "0a0a0a0a-0000-4000-8000-000000000001";

/** Messages of a watch until one satisfies, that one included. */
async function until(
  stream: AsyncIterator<WatchResponse>,
  enough: (m: WatchResponse) => boolean,
): Promise<WatchResponse[]> {
  const seen: WatchResponse[] = [];
  for (;;) {
    const next = await stream.next();
    if (next.done === true) throw new Error("the watch ended");
    seen.push(next.value);
    if (enough(next.value)) return seen;
  }
}

function detailsOf(messages: readonly WatchResponse[]): string[] {
  return messages
    .flatMap((m): Event[] => (m.kind?.$case === "event" ? [m.kind.value] : []))
    .map((e) => (e.body?.$case === "lifecycle" ? e.body.value.detail : (e.body?.$case ?? "")));
}

describe("an agent that works alone", () => {
  it("defines, starts, shows, stops and forgets a guest", async () => {
    await using dir = await tempDir();
    await using a = await testAgent("host-a", dir.path);
    const defined = await a.client.define(guestXml("web", UUID));
    expect(defined).toMatchObject({
      name: "web",
      uuid: UUID,
      uri: "test://host-a/default",
      host: "host-a",
      generation: 1n,
    });
    expect((await a.client.start("web")).startTime).toBeInstanceOf(Date);
    expect((await a.client.get(UUID)).name).toBe("web");
    await a.client.destroy("web");
    await a.client.undefine("web");
    expect((await failure(a.client.get("web"))).reason).toBe("DOMAIN_NOT_FOUND");
    expect(a.agent.context.tokens.generationOf(UUID)).toBe(0n);
  });

  it("lets exactly one of many definitions of one name win", async () => {
    await using dir = await tempDir();
    await using a = await testAgent("host-a", dir.path);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, () => a.client.define(guestXml("web"))),
    );
    expect(outcomes.filter((o) => o.status === "fulfilled")).toHaveLength(1);
    for (const o of outcomes) {
      if (o.status === "rejected") expect(o.reason).toMatchObject({ reason: "DOMAIN_EXISTS" });
    }
  });

  it("only checks a definition when that is all that is asked", async () => {
    await using dir = await tempDir();
    await using a = await testAgent("host-a", dir.path);
    expect(await a.client.define(guestXml("web"), { validateOnly: true })).toMatchObject({ name: "web" });
    expect((await failure(a.client.get("web"))).reason).toBe("DOMAIN_NOT_FOUND");
    await a.client.define(guestXml("web", UUID));
    const other = await failure(a.client.define(guestXml("other", UUID), { validateOnly: true }));
    expect(other.reason).toBe("DOMAIN_EXISTS");
  });

  it("does not replace or remove a definition that somebody else changed", async () => {
    await using dir = await tempDir();
    await using a = await testAgent("host-a", dir.path);
    const first = await a.client.define(guestXml("web", UUID));
    await a.client.define(guestXml("web", UUID).replace("128", "256"));
    expect((await failure(a.client.define(guestXml("web", UUID), { etag: first.etag }))).reason).toBe(
      "ETAG_MISMATCH",
    );
    expect((await failure(a.client.undefine("web", first.etag))).reason).toBe("ETAG_MISMATCH");
    await a.client.undefine("web", (await a.client.get("web")).etag);
  });

  it("makes a running guest transient when it is undefined", async () => {
    await using dir = await tempDir();
    await using a = await testAgent("host-a", dir.path);
    await a.client.define(guestXml("web", UUID));
    await a.client.start("web");
    await a.client.undefine("web");
    expect(await a.client.get("web")).toMatchObject({ persistent: false, generation: 1n });
    await a.client.destroy("web");
    expect((await failure(a.client.get("web"))).reason).toBe("DOMAIN_NOT_FOUND");
  });

  it("answers a retried change once, and after a restart too", async () => {
    await using dir = await tempDir();
    const driver = createTestDriver({ guests: [] });
    let first: { uuid: string };
    {
      await using a = await testAgent("host-a", dir.path, { driver });
      [first] = await Promise.all([
        a.client.define(guestXml("web"), { requestId: "r1" }),
        a.client.define(guestXml("web"), { requestId: "r1" }),
      ]);
    }
    await using a = await testAgent("host-a", dir.path);
    expect((await a.client.define(guestXml("web"), { requestId: "r1" })).uuid).toBe(first.uuid);
    expect((await failure(a.client.define(guestXml("db"), { requestId: "r1" }))).reason).toBe(
      "REQUEST_ID_REUSED",
    );
  });

  it("ends a shutdown when the guest is off, not when it was asked", async () => {
    await using dir = await tempDir();
    await using a = await testAgent("host-a", dir.path);
    await a.client.define(guestXml("web", UUID));
    expect((await failure(a.client.shutdown("web"))).reason).toBe("DOMAIN_NOT_RUNNING");
    await a.client.start("web");
    const { name } = await a.client.shutdown("web");
    const done = await a.client.wait(name);
    expect(done.result?.$case).toBe("response");
    expect(a.driver.domains.find("web")?.state).toBe("shutoff");
  });

  it("gives up on a guest that does not shut down, and does not hold it meanwhile", async () => {
    await using dir = await tempDir();
    await using a = await testAgent("host-a", dir.path);
    await a.client.define(deafGuestXml("web", UUID));
    await a.client.start("web");
    const { name } = await a.client.shutdown("web", 1);
    const done = await a.client.wait(name);
    expect(done.result?.$case === "error" && fromRpcStatus(done.result.value).reason).toBe("DEADLINE");
    await a.client.destroy("web");
  });

  it("says of an operation that its restart cut short that it is ABORTED", async () => {
    await using dir = await tempDir();
    const driver = createTestDriver({ guests: [] });
    let name: string;
    {
      await using a = await testAgent("host-a", dir.path, { driver });
      await a.client.define(guestXml("web", UUID));
      await a.client.start("web");
      ({ name } = await a.agent.context.operations.start(
        { verb: "reboot", uuid: UUID, name: "web", call: { actor: "", requestId: "", trace: "" } },
        () => new Promise(() => undefined),
      ));
    }
    await using a = await testAgent("host-a", dir.path);
    const { result } = await a.client.operation(name);
    expect(result?.$case === "error" && fromRpcStatus(result.value).reason).toBe("OPERATION_ABORTED");
  });

  it("tells watchers what happens in order, and goes on after a token", async () => {
    await using dir = await tempDir();
    await using a = await testAgent("host-a", dir.path);
    const reader = new AbortController();
    const stream = a.client.watch({}, reader.signal)[Symbol.asyncIterator]();
    await until(stream, (m) => m.kind?.$case === "synced");
    await a.client.define(guestXml("web", UUID));
    await a.client.start("web");
    await a.client.destroy("web");
    const seen = await until(stream, (m) => detailsOf([m])[0] === "destroyed");
    expect(detailsOf(seen)).toEqual(expect.arrayContaining(["added", "booted", "destroyed"]));
    reader.abort();

    const again = new AbortController();
    const token = seen[0]?.resumeToken ?? "";
    const resumed = a.client.watch({ resumeToken: token }, again.signal)[Symbol.asyncIterator]();
    const rest = await until(resumed, (m) => m.kind?.$case === "synced");
    expect(detailsOf(rest)).toEqual(detailsOf(seen.slice(1)));
    again.abort();
  });

  it("gives a watcher the state first when it asks for it", async () => {
    await using dir = await tempDir();
    await using a = await testAgent("host-a", dir.path);
    await a.client.define(guestXml("web", UUID));
    const reader = new AbortController();
    const stream = a.client.watch({ sendSnapshot: true }, reader.signal)[Symbol.asyncIterator]();
    const seen = await until(stream, (m) => m.kind?.$case === "synced");
    expect(detailsOf(seen)).toEqual(["domainChanged"]);
    reader.abort();
  });

  it("admits to a watcher that its restart lost what only its memory had", async () => {
    await using dir = await tempDir();
    let token: string;
    {
      await using a = await testAgent("host-a", dir.path);
      token = a.agent.context.events.log.tokenOf(0n);
    }
    await using a = await testAgent("host-a", dir.path);
    const reader = new AbortController();
    const first = await a.client.watch({ resumeToken: token }, reader.signal)[Symbol.asyncIterator]().next();
    expect((first.value as WatchResponse).kind?.$case).toBe("gap");
    reader.abort();
  });

  it("starts guests with their host, once a boot", async () => {
    await using dir = await tempDir();
    const off = async () => {
      const driver = createTestDriver({ guests: [] });
      const call = { signal: new AbortController().signal, trace: "", actor: "", requestId: "" };
      const { uuid } = await driver.domains.define(driver.domains.parse(guestXml("web", UUID)), call);
      await driver.domains.setAutostart?.(uuid, true, call);
      return { ...driver, host: { info: () => ({ ...driver.host.info(), bootTimeMs: 1000 }) } };
    };
    {
      const driver = await off();
      const started = Promise.withResolvers<void>();
      driver.domains.subscribe(({ body }) => {
        if (body.kind === "lifecycle" && body.type === "started") started.resolve();
      });
      await using _a = await testAgent("host-a", dir.path, { driver });
      await started.promise;
    }
    const driver = await off();
    await using a = await testAgent("host-a", dir.path, { driver });
    expect((await a.client.get("web")).startTime).toBeUndefined();
  });

  it("refuses to begin with a token journal that is broken, and names it", async () => {
    await using dir = await tempDir();
    {
      await using _a = await testAgent("host-a", dir.path);
    }
    const path = join(dir.path, "host-a", "state", "tokens.json");
    await writeFile(path, "{");
    const e = await failure(testAgent("host-a", dir.path));
    expect(e.reason).toBe("HOST_SETUP");
    expect(e.message).toContain(path);
  });

  it("shows its guests to Prometheus under the names that libvirt's exporters use", async () => {
    await using dir = await tempDir();
    await using a = await testAgent("host-a", dir.path, { metricsListen: "127.0.0.1:0" });
    await a.client.create(guestXml("web", UUID));
    const text = await (await fetch(`http://${a.agent.metricsAddress}/metrics`)).text();
    expect(text).toContain(`libvirt_domain_info_virtual_cpus{domain="web",uuid="${UUID}",host="host-a"} 1`);
    expect(text).toMatch(/^virtmesh_domain_owner\{.*domain="web".*\} 1$/m);
    expect(text).toMatch(/^virtmesh_events_total\{class="lifecycle".*\} [1-9]/m);
  });
});
