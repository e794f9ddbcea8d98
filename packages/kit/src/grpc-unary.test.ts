import { once } from "node:events";
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from "node:net";
import { Metadata } from "@grpc/grpc-js";
import type { Call } from "@virtmesh/core/call";
import { VirtError } from "@virtmesh/core/errors";
import { Echo, serve, serveAndConnect, TestAuthority } from "./fixture.ts";
import { connect, questionCall, unaryCall } from "./grpc-client.ts";
import { callOf, finishWith, unary } from "./grpc-server.ts";
import { Scope } from "./scope.ts";

const call = () => ({ signal: new AbortController().signal });
const until = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));

/** Passes connections on to a server; those that there are can be cut. */
async function between(
  scope: Scope,
  to: string,
): Promise<{ readonly address: string; readonly cut: () => void }> {
  const sockets = new Set<Socket>();
  const [host = "", port] = to.split(":");
  const passing = createServer((near) => {
    const far = connectSocket(Number(port), host);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
    }
    near.pipe(far).pipe(near);
  });
  passing.listen(0, "127.0.0.1");
  await once(passing, "listening");
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  scope.defer(() => {
    passing.close();
    cut();
  });
  return { address: `127.0.0.1:${(passing.address() as AddressInfo).port}`, cut };
}

describe("a unary call", () => {
  it("answers", async () => {
    await using scope = new Scope();
    const { channel } = await serveAndConnect(scope, {
      say: unary((m: { text: string }) => ({ text: `${m.text}!` })),
    });
    expect(await unaryCall(channel, Echo.say, { text: "hello" }, call())).toEqual({ text: "hello!" });
  });

  it("throws at the client what the handler threw, reason and facts included", async () => {
    await using scope = new Scope();
    const { channel, log } = await serveAndConnect(scope, {
      say: unary(() => {
        throw new VirtError("DOMAIN_NOT_FOUND", 'there is no guest "web" on host-a', {
          metadata: { domain: "web" },
        });
      }),
    });
    await expect(unaryCall(channel, Echo.say, { text: "" }, call())).rejects.toMatchObject({
      reason: "DOMAIN_NOT_FOUND",
      message: 'there is no guest "web" on host-a',
      context: { metadata: { domain: "web" } },
    });
    expect(log).toEqual([]);
  });

  it("logs what went wrong inside once, with its causes, and tells the client nothing of it", async () => {
    await using scope = new Scope();
    const { channel, log } = await serveAndConnect(scope, {
      say: unary(() => {
        throw new Error("cannot write", { cause: new Error("disk on fire") });
      }),
    });
    const failed: unknown = await unaryCall(channel, Echo.say, { text: "" }, call()).catch((e: unknown) => e);
    expect(failed).toMatchObject({ reason: "INTERNAL" });
    expect(String(failed)).not.toContain("cannot write");
    expect(log).toHaveLength(1);
    expect(log[0]).toMatchObject({
      level: "error",
      method: "kit.test.Echo/Say",
      err: { reason: "INTERNAL" },
    });
    expect(JSON.stringify(log[0]?.["err"])).toContain("disk on fire");
  });

  it("gives the handler deadline, trace, request id and the actor that is told without TLS", async () => {
    await using scope = new Scope();
    const seen = Promise.withResolvers<Call>();
    const { channel } = await serveAndConnect(scope, {
      say: unary((m: { text: string }, c) => {
        seen.resolve(c);
        return m;
      }),
    });
    const trace = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
    const deadline = Date.now() + 60_000;
    await unaryCall(
      channel,
      Echo.say,
      { text: "", requestId: "r1" },
      { ...call(), trace, deadline, actor: "alice" },
    );
    const c = await seen.promise;
    expect(c).toMatchObject({ trace, actor: "alice", requestId: "r1" });
    expect(Math.abs((c.deadline ?? 0) - deadline)).toBeLessThan(1000);
  });

  it("aborts the handler's signal when the client cancels", async () => {
    await using scope = new Scope();
    const arrived = Promise.withResolvers<void>();
    const aborted = Promise.withResolvers<unknown>();
    const { channel, metrics } = await serveAndConnect(scope, {
      say: unary(async (_m: unknown, c) => {
        arrived.resolve();
        return until(c.signal).catch((e: unknown) => {
          aborted.resolve(e);
          throw e;
        });
      }),
    });
    const abort = new AbortController();
    const answer = unaryCall(channel, Echo.say, { text: "" }, { signal: abort.signal });
    await arrived.promise;
    abort.abort();
    await expect(answer).rejects.toMatchObject({ reason: "CANCELLED" });
    expect(await aborted.promise).toMatchObject({ reason: "CANCELLED" });
    expect(await metrics.scrape()).toContain('code="CANCELLED"');
  });

  it("ends on both sides at its deadline", async () => {
    await using scope = new Scope();
    const aborted = Promise.withResolvers<unknown>();
    const { channel } = await serveAndConnect(scope, {
      say: unary(async (_m: unknown, c) => {
        return until(c.signal).catch((e: unknown) => {
          aborted.resolve(e);
          throw e;
        });
      }),
    });
    await channel.waitForReady(call().signal);
    const answer = unaryCall(channel, Echo.say, { text: "" }, { ...call(), deadline: Date.now() + 100 });
    await expect(answer).rejects.toMatchObject({ reason: "DEADLINE" });
    // The server's own timer and the client's reset may come in either order.
    expect(["DEADLINE", "CANCELLED"]).toContain(((await aborted.promise) as VirtError).reason);
  });

  it("takes a deadline beyond what the wire can say as none", async () => {
    await using scope = new Scope();
    const { channel } = await serveAndConnect(scope, { say: unary((m: { text: string }) => m) });
    const deadline = Date.now() + 60 * 24 * 3600 * 1000;
    expect(await unaryCall(channel, Echo.say, { text: "far" }, { ...call(), deadline })).toEqual({
      text: "far",
    });
  });

  it("does not start when its signal is aborted already", async () => {
    await using scope = new Scope();
    const { channel } = await serveAndConnect(scope, { say: unary((m: { text: string }) => m) });
    const reason = new VirtError("SHUTTING_DOWN", "no more");
    await expect(
      unaryCall(channel, Echo.say, { text: "" }, { signal: AbortSignal.abort(reason) }),
    ).rejects.toBe(reason);
  });

  it("says HOST_GONE and names the address when nobody listens", async () => {
    await using scope = new Scope();
    const { server } = await serve(scope, {});
    await server[Symbol.asyncDispose]();
    const channel = scope.own(connect(server.address));
    await expect(unaryCall(channel, Echo.say, { text: "" }, call())).rejects.toMatchObject({
      reason: "HOST_GONE",
      message: expect.stringContaining(server.address) as string,
    });
    await expect(channel.waitForReady(call().signal, Date.now() + 50)).rejects.toMatchObject({
      reason: "HOST_GONE",
    });
  });

  it("says HOST_GONE on a channel that was closed", async () => {
    await using scope = new Scope();
    const { channel } = await serveAndConnect(scope, { say: unary((m: { text: string }) => m) });
    channel.close();
    await expect(unaryCall(channel, Echo.say, { text: "" }, call())).rejects.toMatchObject({
      reason: "HOST_GONE",
    });
  });

  it("says UNSUPPORTED for a method without a handler", async () => {
    await using scope = new Scope();
    const { channel } = await serveAndConnect(scope, {});
    await expect(unaryCall(channel, Echo.say, { text: "" }, call())).rejects.toMatchObject({
      reason: "UNSUPPORTED",
    });
  });

  it("comes back after its server was away", async () => {
    await using scope = new Scope();
    const first = await serve(scope, { say: unary((m: { text: string }) => m) });
    const channel = scope.own(connect(first.server.address));
    await unaryCall(channel, Echo.say, { text: "1" }, call());
    await first.server[Symbol.asyncDispose]();
    await expect(unaryCall(channel, Echo.say, { text: "2" }, call())).rejects.toMatchObject({
      reason: "HOST_GONE",
    });
    await serve(scope, { say: unary((m: { text: string }) => m) }, { listen: first.server.address });
    await channel.waitForReady(call().signal);
    expect(await unaryCall(channel, Echo.say, { text: "3" }, call())).toEqual({ text: "3" });
  });
});

describe("a question", () => {
  it("is asked once more when its connection is found dead", async () => {
    await using scope = new Scope();
    const dead = Promise.withResolvers<void>();
    let asked = 0;
    const { server } = await serve(scope, {
      say: unary(async (m: { text: string }, c) => {
        asked += 1;
        if (asked > 1) return m;
        dead.resolve();
        return until(c.signal);
      }),
    });
    const { address, cut } = await between(scope, server.address);
    const channel = scope.own(connect(address));
    const answer = questionCall(channel, Echo.say, { text: "who?" }, call());
    await dead.promise;
    cut();
    expect(await answer).toEqual({ text: "who?" });
  });

  it("is not asked again when it was answered with an error, or when nobody is there", async () => {
    await using scope = new Scope();
    let asked = 0;
    const { server, channel } = await serveAndConnect(scope, {
      say: unary(() => {
        asked += 1;
        throw new VirtError("DOMAIN_NOT_FOUND", 'there is no guest "web" on host-a');
      }),
    });
    await expect(questionCall(channel, Echo.say, { text: "" }, call())).rejects.toMatchObject({
      reason: "DOMAIN_NOT_FOUND",
    });
    expect(asked).toBe(1);
    await server[Symbol.asyncDispose]();
    await expect(questionCall(channel, Echo.say, { text: "" }, call())).rejects.toMatchObject({
      reason: "HOST_GONE",
    });
  });
});

describe("a raw handler", () => {
  it("gets the call, answers with plain status objects, and is counted", async () => {
    await using scope = new Scope();
    const { channel, metrics } = await serveAndConnect(scope, {
      say: (raw: Parameters<typeof callOf>[0], callback: (e: object) => void) => {
        const { requestId } = callOf(raw);
        callback(finishWith(new VirtError("UNKNOWN_HOST", `no host for ${requestId}`)));
      },
    });
    await expect(unaryCall(channel, Echo.say, { text: "", requestId: "r2" }, call())).rejects.toMatchObject({
      reason: "UNKNOWN_HOST",
      message: "no host for r2",
    });
    expect(await metrics.scrape()).toContain(
      'virtmesh_grpc_server_calls_total{method="kit.test.Echo/Say",code="NOT_FOUND",service="echo",host="host-a"} 1',
    );
  });
});

describe("mutual TLS", () => {
  it("names each caller by its own certificate, and lets only a gateway speak for others", async () => {
    await using authority = await TestAuthority.create();
    await using scope = new Scope();
    const tls = await authority.issue("host-a", "DNS:host-a,URI:spiffe://virtmesh/host/host-a/agent");
    const { server } = await serve(scope, { say: unary((_m: unknown, c) => ({ text: c.actor })) }, { tls });
    const actorAs = async (cn: string, names: string): Promise<string> => {
      const identity = await authority.issue(cn, names);
      const channel = scope.own(connect(server.address, { tls: identity, serverName: "host-a" }));
      const told = { ...call(), actor: "bob" };
      await unaryCall(channel, Echo.say, { text: "" }, told);
      return (await unaryCall(channel, Echo.say, { text: "" }, told)).text;
    };
    expect(await actorAs("alice", "DNS:laptop")).toBe("alice");
    expect(await actorAs("host-b", "URI:spiffe://virtmesh/host/host-b/agent")).toBe("host/host-b/agent");
    expect(await actorAs("gw", "URI:spiffe://virtmesh/host/host-c/gateway")).toBe("bob");
  });

  it("turns away a client without a certificate, one of another authority, and a server of another name", async () => {
    await using authority = await TestAuthority.create();
    await using other = await TestAuthority.create();
    await using scope = new Scope();
    const tls = await authority.issue("host-a", "DNS:host-a");
    const { server } = await serve(scope, { say: unary((m: { text: string }) => m) }, { tls });
    const stranger = { ...(await other.issue("stranger", "DNS:stranger")), ca: tls.ca };
    const attempts = [
      connect(server.address, { serverName: "host-a" }),
      connect(server.address, { tls: stranger, serverName: "host-a" }),
      connect(server.address, { tls, serverName: "host-b" }),
    ];
    for (const channel of attempts) {
      scope.own(channel);
      const deadline = Date.now() + 3000;
      await expect(unaryCall(channel, Echo.say, { text: "" }, { ...call(), deadline })).rejects.toMatchObject(
        {
          reason: "HOST_GONE",
        },
      );
    }
  });
});

describe("callOf", () => {
  it("reads the request id of a stream from its header", () => {
    const metadata = new Metadata();
    metadata.set("x-request-id", "r3");
    const raw = {
      metadata,
      getDeadline: () => Infinity,
      getAuthContext: () => ({}),
      getPath: () => "/a/b",
      once: () => undefined,
    };
    expect(callOf(raw)).toMatchObject({ requestId: "r3", actor: "", trace: "" });
    expect(callOf(raw).deadline).toBeUndefined();
  });
});
