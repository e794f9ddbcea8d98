import { VirtError } from "@virtmesh/core/errors";
import { Echo, type Message, serveAndConnect } from "./fixture.ts";
import { bidiCall, clientStreamCall, streamCall } from "./grpc-client.ts";
import { bidi, clientStream, serverStream } from "./grpc-server.ts";
import { Scope } from "./scope.ts";

const call = () => ({ signal: new AbortController().signal });

/** Waits until a number has stopped changing over many turns of the event loop and of the sockets. */
async function settled(read: () => number): Promise<number> {
  for (let last = -1, same = 0; ; ) {
    const now = read();
    same = now === last ? same + 1 : 0;
    if (same > 500) return now;
    last = now;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of source) all.push(one);
  return all;
}

describe("a server stream", () => {
  it("delivers everything in order and ends", async () => {
    await using scope = new Scope();
    const { channel } = await serveAndConnect(scope, {
      tell: serverStream(async function* (m: Message) {
        for (let i = 0; i < 200; i++) yield { text: `${m.text}${i}` };
      }),
    });
    const all = await collect(streamCall(channel, Echo.tell, { text: "n" }, call()));
    expect(all.map((m) => m.text)).toEqual(Array.from({ length: 200 }, (_, i) => `n${i}`));
  });

  it("delivers what came before a failure, then the failure", async () => {
    await using scope = new Scope();
    const { channel } = await serveAndConnect(scope, {
      tell: serverStream(async function* () {
        yield { text: "a" };
        yield { text: "b" };
        throw new VirtError("SLOW_READER", "read faster");
      }),
    });
    const seen: string[] = [];
    const reading = (async () => {
      for await (const { text } of streamCall(channel, Echo.tell, { text: "" }, call())) seen.push(text);
    })();
    await expect(reading).rejects.toMatchObject({ reason: "SLOW_READER", message: "read faster" });
    expect(seen).toEqual(["a", "b"]);
  });

  it("is produced only as fast as it is read", async () => {
    await using scope = new Scope();
    let produced = 0;
    const { channel } = await serveAndConnect(scope, {
      tell: serverStream(async function* () {
        for (;;) {
          produced += 1;
          yield { text: "x".repeat(16 * 1024) };
        }
      }),
    });
    const stream = streamCall(channel, Echo.tell, { text: "" }, call());
    await stream.next();
    const ahead = await settled(() => produced);
    // Socket buffers and HTTP/2 windows hold some; without back-pressure it would never stop.
    expect(ahead * 16).toBeLessThan(8 * 1024);
    for (let i = 0; i < ahead + 10; i++) await stream.next();
    expect(produced).toBeGreaterThan(ahead);
    await stream.return();
  });

  it("ends its producer when the reader leaves the loop", async () => {
    await using scope = new Scope();
    const closed = Promise.withResolvers<void>();
    const { channel } = await serveAndConnect(scope, {
      tell: serverStream(async function* () {
        try {
          for (;;) yield { text: "tick" };
        } finally {
          closed.resolve();
        }
      }),
    });
    for await (const _ of streamCall(channel, Echo.tell, { text: "" }, call())) break;
    await closed.promise;
  });

  it("aborts a producer that waits, when the client cancels", async () => {
    await using scope = new Scope();
    const aborted = Promise.withResolvers<unknown>();
    const abort = new AbortController();
    const { channel } = await serveAndConnect(scope, {
      tell: serverStream(async function* (_m: Message, c) {
        yield { text: "first" };
        await new Promise<void>((resolve) => c.signal.addEventListener("abort", () => resolve()));
        aborted.resolve(c.signal.reason);
      }),
    });
    const stream = streamCall(channel, Echo.tell, { text: "" }, { signal: abort.signal });
    await stream.next();
    abort.abort(new VirtError("SHUTTING_DOWN", "the client goes home"));
    await expect(stream.next()).rejects.toMatchObject({ reason: "SHUTTING_DOWN" });
    expect(await aborted.promise).toMatchObject({ reason: "CANCELLED" });
  });
});

describe("a client stream", () => {
  const count = clientStream(async (requests: AsyncIterable<Message>) => {
    const all = await collect(requests);
    return { text: all.map((m) => m.text).join("") };
  });
  async function* endless(onSend: () => void = () => undefined): AsyncGenerator<Message> {
    for (;;) {
      onSend();
      yield { text: "x".repeat(16 * 1024) };
    }
  }

  it("is answered once, after all of it was heard", async () => {
    await using scope = new Scope();
    const { channel } = await serveAndConnect(scope, { hear: count });
    async function* requests(): AsyncGenerator<Message> {
      for (let i = 0; i < 10; i++) yield { text: String(i) };
    }
    expect(await clientStreamCall(channel, Echo.hear, requests(), call())).toEqual({ text: "0123456789" });
  });

  it("is sent only as fast as the server reads it", async () => {
    await using scope = new Scope();
    let sent = 0;
    const abort = new AbortController();
    const { channel } = await serveAndConnect(scope, {
      hear: clientStream(async (requests: AsyncIterable<Message>, c) => {
        for await (const _ of requests) break;
        await new Promise((resolve) => c.signal.addEventListener("abort", resolve));
        return { text: "" };
      }),
    });
    const requests = endless(() => (sent += 1));
    const answer = clientStreamCall(channel, Echo.hear, requests, { signal: abort.signal });
    expect((await settled(() => sent)) * 16).toBeLessThan(8 * 1024);
    abort.abort(new VirtError("CANCELLED", "enough"));
    await expect(answer).rejects.toMatchObject({ message: "enough" });
  });

  it("fails with the server's error while it is still being sent", async () => {
    await using scope = new Scope();
    const { channel } = await serveAndConnect(scope, {
      hear: clientStream(async (requests: AsyncIterable<Message>) => {
        for await (const _ of requests) throw new VirtError("NO_SPACE", "the pool is full");
        return { text: "" };
      }),
    });
    await expect(clientStreamCall(channel, Echo.hear, endless(), call())).rejects.toMatchObject({
      reason: "NO_SPACE",
      message: "the pool is full",
    });
  });

  it("fails with the error of its requests", async () => {
    await using scope = new Scope();
    const { channel } = await serveAndConnect(scope, { hear: count });
    const broken = new VirtError("FILE_NOT_FOUND", "the image is gone");
    async function* requests(): AsyncGenerator<Message> {
      yield { text: "one" };
      throw broken;
    }
    await expect(clientStreamCall(channel, Echo.hear, requests(), call())).rejects.toBe(broken);
  });
});

describe("a two-way stream", () => {
  const echo = bidi(async function* (requests: AsyncIterable<Message>) {
    for await (const { text } of requests) yield { text: `${text}?` };
  });

  it("answers each request and ends with them", async () => {
    await using scope = new Scope();
    const { channel } = await serveAndConnect(scope, { talk: echo });
    async function* requests(): AsyncGenerator<Message> {
      for (let i = 0; i < 100; i++) yield { text: String(i) };
    }
    const all = await collect(bidiCall(channel, Echo.talk, requests(), call()));
    expect(all.map((m) => m.text)).toEqual(Array.from({ length: 100 }, (_, i) => `${i}?`));
  });

  it("takes requests only as fast as the server reads them", async () => {
    await using scope = new Scope();
    let sent = 0;
    const { channel } = await serveAndConnect(scope, {
      talk: bidi(async function* (requests: AsyncIterable<Message>, c) {
        for await (const first of requests) {
          yield first;
          await new Promise((resolve) => c.signal.addEventListener("abort", resolve));
        }
      }),
    });
    async function* requests(): AsyncGenerator<Message> {
      for (;;) {
        sent += 1;
        yield { text: "x".repeat(16 * 1024) };
      }
    }
    const stream = bidiCall(channel, Echo.talk, requests(), call());
    await stream.next();
    expect((await settled(() => sent)) * 16).toBeLessThan(8 * 1024);
    await stream.return();
  });

  it("closes its requests when the reader leaves", async () => {
    await using scope = new Scope();
    const closed = Promise.withResolvers<void>();
    const { channel } = await serveAndConnect(scope, { talk: echo });
    async function* requests(): AsyncGenerator<Message> {
      try {
        for (;;) yield { text: "again" };
      } finally {
        closed.resolve();
      }
    }
    for await (const _ of bidiCall(channel, Echo.talk, requests(), call())) break;
    await closed.promise;
  });

  it("fails with the error of its requests", async () => {
    await using scope = new Scope();
    const { channel } = await serveAndConnect(scope, { talk: echo });
    const broken = new VirtError("FILE_NOT_FOUND", "the image is gone");
    async function* requests(): AsyncGenerator<Message> {
      yield { text: "one" };
      throw broken;
    }
    await expect(collect(bidiCall(channel, Echo.talk, requests(), call()))).rejects.toBe(broken);
  });

  it("ends when the server has said enough, though the requests still wait", async () => {
    await using scope = new Scope();
    const { channel } = await serveAndConnect(scope, {
      talk: bidi(async function* () {
        yield { text: "enough" };
      }),
    });
    async function* requests(): AsyncGenerator<Message> {
      yield { text: "one" };
      await new Promise(() => undefined);
    }
    const all = await collect(bidiCall(channel, Echo.talk, requests(), call()));
    expect(all).toEqual([{ text: "enough" }]);
  });
});
