import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GetDomainRequest } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { VirtError } from "@virtmesh/core/errors";
import { LineLog } from "../journal/line-log.ts";
import { RequestMemory } from "./memory.ts";

const HOUR_MS = 3600_000;
let dir: string;
let nowMs: number;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "requests-"));
  nowMs = 1_000_000_000_000;
});
afterEach(() => rm(dir, { recursive: true }));

async function open(options: { keep?: number } = {}): Promise<RequestMemory> {
  const { log, read } = await LineLog.open(join(dir, "requests.log"));
  return new RequestMemory({ log, entries: read.entries, now: () => nowMs, ...options });
}

function request(requestId: string, body = "body") {
  return { requestId, method: "/x/Start", actor: "alice", body: Buffer.from(body) };
}

/** Answers what it is told, and counts how often it was asked. */
function worker(domain: string) {
  const work = {
    times: 0,
    run: async () => GetDomainRequest.fromPartial({ domain: `${domain}${++work.times}` }),
  };
  return work;
}

describe("the memory of requests", () => {
  it("answers the same id and body from memory", async () => {
    await using memory = await open();
    const work = worker("web-");
    expect((await memory.once(request("1"), GetDomainRequest, work.run)).domain).toBe("web-1");
    expect((await memory.once(request("1"), GetDomainRequest, work.run)).domain).toBe("web-1");
    expect(work.times).toBe(1);
  });

  it("lets a repeated request join the one that still runs", async () => {
    await using memory = await open();
    const work = worker("web-");
    const both = await Promise.all([
      memory.once(request("1"), GetDomainRequest, work.run),
      memory.once(request("1"), GetDomainRequest, work.run),
    ]);
    expect(both.map((r) => r.domain)).toEqual(["web-1", "web-1"]);
  });

  it("refuses the same id with another body, also while the first runs", async () => {
    await using memory = await open();
    const first = memory.once(request("1"), GetDomainRequest, worker("a").run);
    await expect(memory.once(request("1", "other"), GetDomainRequest, worker("b").run)).rejects.toMatchObject(
      {
        reason: "REQUEST_ID_REUSED",
      },
    );
    await first;
  });

  it("keeps the ids of different callers apart", async () => {
    await using memory = await open();
    await memory.once(request("1"), GetDomainRequest, worker("a").run);
    const other = { ...request("1", "other"), actor: "bob" };
    expect((await memory.once(other, GetDomainRequest, worker("b").run)).domain).toBe("b1");
  });

  it("remembers nothing without an id", async () => {
    await using memory = await open();
    const work = worker("web-");
    await memory.once(request(""), GetDomainRequest, work.run);
    await memory.once(request(""), GetDomainRequest, work.run);
    expect(work.times).toBe(2);
  });

  it("gives a final error again, with all that it carried", async () => {
    await using memory = await open();
    const e = new VirtError("DOMAIN_EXISTS", 'there is a guest "web" already', { metadata: { uuid: "u" } });
    const fail = () => memory.once(request("1"), GetDomainRequest, () => Promise.reject(e));
    await expect(fail()).rejects.toBe(e);
    await using reopened = await open();
    await expect(reopened.once(request("1"), GetDomainRequest, worker("a").run)).rejects.toMatchObject({
      reason: "DOMAIN_EXISTS",
      message: e.message,
      context: e.context,
    });
  });

  it("tries again after an error that may pass", async () => {
    await using memory = await open();
    const busy = new VirtError("DOMAIN_BUSY", "busy");
    await expect(memory.once(request("1"), GetDomainRequest, () => Promise.reject(busy))).rejects.toBe(busy);
    expect((await memory.once(request("1"), GetDomainRequest, worker("a").run)).domain).toBe("a1");
  });

  it("lets one who joined a caller that gave up do the work itself", async () => {
    await using memory = await open();
    const gaveUp = new VirtError("DEADLINE", "too late");
    const first = memory.once(request("1"), GetDomainRequest, () => Promise.reject(gaveUp));
    const second = memory.once(request("1"), GetDomainRequest, worker("a").run);
    const third = memory.once(request("1"), GetDomainRequest, worker("b").run);
    await expect(first).rejects.toBe(gaveUp);
    expect((await second).domain).toBe((await third).domain);
  });

  it("answers a retry after a restart of the agent", async () => {
    {
      await using memory = await open();
      await memory.once(request("1"), GetDomainRequest, worker("web-").run);
    }
    await using memory = await open();
    const work = worker("other-");
    expect((await memory.once(request("1"), GetDomainRequest, work.run)).domain).toBe("web-1");
    expect(work.times).toBe(0);
  });

  it("reads a file whose last line was cut off", async () => {
    {
      await using memory = await open();
      await memory.once(request("1"), GetDomainRequest, worker("web-").run);
    }
    const path = join(dir, "requests.log");
    await writeFile(path, `${await readFile(path, "utf8")}{"id":"alice\\n2","ha`);
    await using memory = await open();
    expect(memory.size).toBe(1);
    await memory.once(request("2"), GetDomainRequest, worker("b").run);
    await using again = await open();
    expect(again.size).toBe(2);
  });

  it("forgets after a day", async () => {
    await using memory = await open();
    await memory.once(request("1"), GetDomainRequest, worker("a").run);
    nowMs += 25 * HOUR_MS;
    expect((await memory.once(request("1", "other"), GetDomainRequest, worker("b").run)).domain).toBe("b1");
  });

  it("keeps only so many, the latest ones", async () => {
    await using memory = await open({ keep: 2 });
    for (const id of ["1", "2", "3"]) await memory.once(request(id), GetDomainRequest, worker(id).run);
    expect(memory.size).toBe(2);
    const work = worker("new");
    await memory.once(request("3"), GetDomainRequest, work.run);
    expect(work.times).toBe(0);
  });
});
