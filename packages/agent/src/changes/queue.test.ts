import { VirtError } from "@virtmesh/core/errors";
import { ChangeQueue } from "./queue.ts";

const never = { signal: new AbortController().signal };
const A = { uuid: "a" };

function reasonOf(e: unknown): string {
  return VirtError.is(e) ? e.reason : String(e);
}

async function failure(work: Promise<unknown>): Promise<VirtError> {
  try {
    await work;
  } catch (e) {
    if (VirtError.is(e)) return e;
    throw e;
  }
  throw new Error("it did not fail");
}

describe("the queue of changes", () => {
  it("lets changes of one guest in one after the other, in the order in which they came", async () => {
    using queue = new ChangeQueue();
    const seen: string[] = [];
    const change = (name: string) =>
      queue.run(A, { verb: name }, never, async () => {
        seen.push(`${name} begins`);
        await Promise.resolve();
        seen.push(`${name} ends`);
      });
    await Promise.all([change("1"), change("2"), change("3")]);
    expect(seen).toEqual(["1 begins", "1 ends", "2 begins", "2 ends", "3 begins", "3 ends"]);
  });

  it("lets different guests be changed at the same time", async () => {
    using queue = new ChangeQueue();
    using _a = await queue.acquire(A, { verb: "start" }, never);
    using _b = await queue.acquire({ uuid: "b" }, { verb: "start" }, never);
    expect(queue.waiting).toBe(0);
  });

  it("makes two definitions of one name wait for each other although their UUIDs differ", async () => {
    using queue = new ChangeQueue();
    const first = await queue.acquire({ uuid: "a", name: "web" }, { verb: "define" }, never);
    const second = queue.acquire({ uuid: "b", name: "web" }, { verb: "define" }, never);
    expect(queue.waiting).toBe(1);
    first[Symbol.dispose]();
    using _second = await second;
  });

  it("does not lock up when changes share a name with one and a UUID with another", async () => {
    using queue = new ChangeQueue();
    const done: string[] = [];
    const change = (uuid: string, name: string) =>
      queue.run({ uuid, name }, { verb: "define" }, never, async () => {
        await Promise.resolve();
        done.push(uuid + name);
      });
    await Promise.all([
      change("a", "x"),
      change("b", "y"),
      change("a", "y"),
      change("b", "x"),
      change("a", "x"),
    ]);
    expect(done).toHaveLength(5);
  });

  it("says who changes a guest now", async () => {
    using queue = new ChangeQueue();
    expect(queue.holderOf("a")).toBeUndefined();
    const hold = await queue.acquire(A, { verb: "migrate", operation: "operations/1" }, never);
    expect(queue.holderOf("a")).toMatchObject({ verb: "migrate", operation: "operations/1" });
    hold[Symbol.dispose]();
    expect(queue.holderOf("a")).toBeUndefined();
  });

  it("gives up at the deadline and names the change that holds the guest", async () => {
    using queue = new ChangeQueue();
    using _hold = await queue.acquire(A, { verb: "start" }, never);
    const e = await failure(queue.acquire(A, { verb: "destroy" }, { ...never, deadline: Date.now() + 5 }));
    expect(e.reason).toBe("DEADLINE");
    expect(e.message).toContain('"start"');
    expect(queue.waiting).toBe(0);
  });

  it("forgets a change whose caller gave up while it waited, and lets the next one in", async () => {
    using queue = new ChangeQueue();
    const first = await queue.acquire(A, { verb: "start" }, never);
    const caller = new AbortController();
    const second = failure(queue.acquire(A, { verb: "suspend" }, { signal: caller.signal }));
    const third = queue.acquire(A, { verb: "destroy" }, never);
    caller.abort();
    expect((await second).reason).toBe("CANCELLED");
    first[Symbol.dispose]();
    using _third = await third;
  });

  it("refuses at once what comes while a migration holds the guest, naming its operation", async () => {
    using queue = new ChangeQueue();
    using _hold = await queue.acquire(
      A,
      { verb: "migrate", operation: "operations/7", exclusive: true },
      never,
    );
    const e = await failure(queue.acquire(A, { verb: "destroy" }, never));
    expect(e.reason).toBe("DOMAIN_BUSY");
    expect(e.message).toContain("operations/7");
  });

  it("refuses what comes while a migration still waits for the guest", async () => {
    using queue = new ChangeQueue();
    const start = await queue.acquire(A, { verb: "start" }, never);
    const migration = queue.acquire(A, { verb: "migrate", exclusive: true }, never);
    expect((await failure(queue.acquire(A, { verb: "reset" }, never))).reason).toBe("DOMAIN_BUSY");
    start[Symbol.dispose]();
    using _migration = await migration;
  });

  it("takes only so many waiting changes", async () => {
    using queue = new ChangeQueue({ maxWaiting: 2 });
    const first = await queue.acquire(A, { verb: "1" }, never);
    const waiting = [queue.acquire(A, { verb: "2" }, never), queue.acquire(A, { verb: "3" }, never)];
    expect((await failure(queue.acquire(A, { verb: "4" }, never))).reason).toBe("LIMIT_REACHED");
    first[Symbol.dispose]();
    for (const next of waiting) (await next)[Symbol.dispose]();
  });

  it("seizes a free guest at once, and no other", async () => {
    using queue = new ChangeQueue();
    const hold = queue.seize({ uuid: "a", name: "web" }, { verb: "migrate", exclusive: true });
    expect(() => queue.seize({ uuid: "b", name: "web" }, { verb: "migrate" })).toThrow(/held by/);
    hold[Symbol.dispose]();
    queue.seize({ uuid: "b", name: "web" }, { verb: "migrate" })[Symbol.dispose]();
  });

  it("says at once that a change would be refused, to who wants to look around first", async () => {
    using queue = new ChangeQueue();
    queue.admit({ uuid: "a", name: "web" });
    using _hold = queue.seize({ uuid: "a", name: "web" }, { verb: "migrate", exclusive: true });
    expect(() => queue.admit({ uuid: "b", name: "web" })).toThrow(/held by/);
  });

  it("asks work to let go of a guest, and nobody when the guest is free or its holder cannot", () => {
    using queue = new ChangeQueue();
    expect(queue.letsGo("a", "ann")).toBe(false);
    const asked: string[] = [];
    using _a = queue.seize(A, { verb: "migrate", letGo: (actor) => asked.push(actor) > 0 });
    using _b = queue.seize({ uuid: "b" }, { verb: "start" });
    expect([queue.letsGo("a", "ann"), queue.letsGo("b", "ann"), asked]).toEqual([true, false, ["ann"]]);
  });

  it("tells when the exclusive work that holds a guest is over, and of nothing else", async () => {
    using queue = new ChangeQueue();
    using _start = queue.seize({ uuid: "b" }, { verb: "start" });
    const hold = queue.seize(A, { verb: "migrate", exclusive: true });
    const free = queue.whenFree("a");
    expect([queue.whenFree("b"), queue.whenFree("c"), free]).toEqual([
      undefined,
      undefined,
      expect.any(Promise),
    ]);
    hold[Symbol.dispose]();
    await free;
    expect(queue.whenFree("a")).toBeUndefined();
  });

  it("goes on after a change that failed", async () => {
    using queue = new ChangeQueue();
    const failing = queue.run(A, { verb: "start" }, never, () =>
      Promise.reject(new VirtError("HYPERVISOR_FAILED", "no")),
    );
    const next = queue.run(A, { verb: "start" }, never, async () => "done");
    expect(reasonOf(await failure(failing))).toBe("HYPERVISOR_FAILED");
    expect(await next).toBe("done");
  });

  it("refuses what waits when the agent ends, and lets what runs go on", async () => {
    const queue = new ChangeQueue();
    using _hold = await queue.acquire(A, { verb: "start" }, never);
    const waiting = failure(queue.acquire(A, { verb: "destroy" }, never));
    queue[Symbol.dispose]();
    expect((await waiting).reason).toBe("SHUTTING_DOWN");
    expect(queue.holderOf("a")?.verb).toBe("start");
  });
});
