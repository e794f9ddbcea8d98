import { Metadata, type sendUnaryData, Server, ServerCredentials, status } from "@grpc/grpc-js";
import { Agent, AgentState } from "@virtmesh/api/gen/virtmesh/v1/agent";
import {
  DomainServiceService,
  type GetDomainRequest,
  type OpenConsoleRequest,
  type OpenConsoleResponse,
  type TakeScreenshotResponse,
} from "@virtmesh/api/gen/virtmesh/v1/domain";
import { type GetHostRequest, Host, HostServiceService } from "@virtmesh/api/gen/virtmesh/v1/host";
import { VirtError } from "@virtmesh/core/errors";
import {
  StorageServiceService,
  StorageVolume,
  UploadVolumeRequest,
} from "@virtmesh/api/gen/virtmesh/v1/storage";
import {
  bidiCall,
  type Channel,
  clientStreamCall,
  connect,
  streamCall,
  unaryCall,
} from "@virtmesh/kit/grpc-client";
import {
  bidi,
  clientStream,
  serverStream,
  type ServiceEntry,
  startServer,
  unary,
} from "@virtmesh/kit/grpc-server";
import { createLogger } from "@virtmesh/kit/logger";
import { createMetrics } from "@virtmesh/kit/metrics";
import { Scope } from "@virtmesh/kit/scope";
import { toServiceError } from "@virtmesh/kit/status";
import type { AgentChange } from "@virtmesh/mesh/registry";
import { Directory } from "../directory.ts";
import { forward, type Forwarding, type RawMethod } from "./forward.ts";
import { Links } from "./links.ts";

const URI = "test://host-a/default";
const never = { signal: new AbortController().signal };

const agentAt = (host: string, address: string): Agent => ({
  ...Agent.fromPartial({}),
  host,
  hypervisor: "test",
  uris: [`test://${host}/default`],
  address,
  version: "0",
  instance: address,
  eventsConnected: true,
  outboxLength: 0n,
  state: AgentState.AGENT_STATE_ALIVE,
  domains: 0,
});

/** Leases as a test says them. */
class Leases {
  readonly #agents = new Map<string, Agent>();
  #listener: (change: AgentChange) => void = () => undefined;

  readonly source = {
    list: () => [...this.#agents.values()],
    onChange: (listener: (change: AgentChange) => void) => {
      this.#listener = listener;
      return { [Symbol.dispose]: () => undefined };
    },
  };

  say(change: AgentChange["change"], agent: Agent): void {
    this.#agents.set(agent.host, agent);
    this.#listener({ change, agent });
  }
}

const identity = (bytes: Buffer): Buffer => bytes;

class World extends Scope {
  readonly leases = new Leases();
  readonly directory = this.own(new Directory(this.leases.source));
  readonly links = this.own(new Links(this.directory, { tls: undefined, maxMessageBytes: 1 << 20 }));
  readonly observed: string[] = [];

  async serve(services: readonly ServiceEntry[]): Promise<string> {
    const server = await startServer({
      listen: "127.0.0.1:0",
      services,
      logger: createLogger({ service: "test", level: "silent" }),
      metrics: createMetrics({ service: "test", host: "host-a" }),
      signal: this.signal,
      graceMs: 100,
    });
    return this.own(server).address;
  }

  /** A real agent's server with these methods, known to the gateway. */
  async agent(host: string, services: readonly ServiceEntry[]): Promise<Agent> {
    const agent = agentAt(host, await this.serve(services));
    this.leases.say("alive", agent);
    return agent;
  }

  async gateway(): Promise<Channel> {
    const forwarding: Forwarding = {
      linkFor: (uri) => this.links.to(this.directory.find(uri)),
      headersFor: () => ({ "x-virtmesh-actor": "alice" }),
      toStatus: toServiceError,
      observe: (path, code) => void this.observed.push(`${path} ${status[code]}`),
    };
    const services = [DomainServiceService, HostServiceService, StorageServiceService].map((definition) => {
      const raw: Record<string, RawMethod> = {};
      const implementation: Record<string, ReturnType<typeof forward>> = {};
      for (const [name, method] of Object.entries(definition)) {
        const undecoded = {
          ...method,
          requestSerialize: identity,
          requestDeserialize: identity,
          responseSerialize: identity,
          responseDeserialize: identity,
        };
        raw[name] = undecoded;
        implementation[name] = forward(undecoded, forwarding);
      }
      return { definition: raw, implementation };
    });
    return this.own(connect(await this.serve(services)));
  }
}

describe("forwarding", () => {
  it("gives the agent's answer, and the agent the caller's name and deadline", async () => {
    await using world = new World();
    let seen: { readonly actor: string; readonly left: number } | undefined;
    await world.agent("host-a", [
      {
        definition: HostServiceService,
        implementation: {
          getHost: unary((request: GetHostRequest, c) => {
            seen = { actor: c.actor, left: (c.deadline ?? 0) - Date.now() };
            return Host.fromPartial({ uri: request.uri, memoryBytes: 2n ** 63n });
          }),
        },
      },
    ]);
    const channel = await world.gateway();
    const host = await unaryCall(
      channel,
      HostServiceService.getHost,
      { uri: URI },
      { ...never, deadline: Date.now() + 5000 },
    );
    expect(host).toMatchObject({ uri: URI, memoryBytes: 2n ** 63n });
    expect(seen?.actor).toBe("alice");
    expect(seen?.left).toBeGreaterThan(3000);
    expect(seen?.left).toBeLessThanOrEqual(5001);
    expect(world.observed).toEqual(["/virtmesh.v1.HostService/GetHost OK"]);
  });

  it("passes an agent's error on with every detail", async () => {
    await using world = new World();
    const thrown = new VirtError("DOMAIN_NOT_FOUND", 'there is no guest "wéb" on host-a', {
      metadata: { host: "host-a" },
      resource: { type: "domain", name: "web" },
      retryAfterMs: 1500,
    });
    await world.agent("host-a", [
      {
        definition: DomainServiceService,
        implementation: {
          getDomain: unary((): never => {
            throw thrown;
          }),
        },
      },
    ]);
    const channel = await world.gateway();
    const request: GetDomainRequest = { uri: URI, domain: "web" };
    await expect(unaryCall(channel, DomainServiceService.getDomain, request, never)).rejects.toMatchObject({
      reason: "DOMAIN_NOT_FOUND",
      message: thrown.message,
      context: thrown.context,
    });
  });

  it("refuses what it cannot route, with the reason", async () => {
    await using world = new World();
    const channel = await world.gateway();
    await expect(
      unaryCall(channel, HostServiceService.getHost, { uri: "vbox:///session" }, never),
    ).rejects.toMatchObject({
      reason: "UNKNOWN_SCHEME",
    });
  });

  it("says UNIMPLEMENTED when the agent does, for a method it lacks", async () => {
    await using world = new World();
    await world.agent("host-a", [{ definition: HostServiceService, implementation: {} }]);
    const channel = await world.gateway();
    await expect(unaryCall(channel, HostServiceService.getHost, { uri: URI }, never)).rejects.toMatchObject({
      code: "UNIMPLEMENTED",
    });
  });

  it("tells the agent when the caller gives up", async () => {
    await using world = new World();
    const begun = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<unknown>();
    await world.agent("host-a", [
      {
        definition: HostServiceService,
        implementation: {
          getHost: unary(async (_request: GetHostRequest, c): Promise<Host> => {
            c.signal.addEventListener("abort", () => ended.resolve(c.signal.reason));
            begun.resolve();
            await ended.promise;
            throw new VirtError("CANCELLED", "stopped");
          }),
        },
      },
    ]);
    const channel = await world.gateway();
    const abort = new AbortController();
    const call = unaryCall(channel, HostServiceService.getHost, { uri: URI }, { signal: abort.signal });
    await begun.promise;
    abort.abort();
    await expect(call).rejects.toMatchObject({ code: "CANCELLED" });
    expect(await ended.promise).toMatchObject({ code: "CANCELLED" });
  });

  it("carries streams of both directions, and their end", async () => {
    await using world = new World();
    await world.agent("host-a", [
      {
        definition: DomainServiceService,
        implementation: {
          openConsole: bidi<OpenConsoleRequest, OpenConsoleResponse>(async function* (requests) {
            for await (const request of requests)
              yield { data: Buffer.from(`${request.domain}:${request.data.toString()}`) };
          }),
        },
      },
    ]);
    const channel = await world.gateway();
    async function* say(): AsyncGenerator<OpenConsoleRequest> {
      yield { uri: URI, domain: "web", device: "", force: false, data: Buffer.from("one") };
      yield { uri: "", domain: "", device: "", force: false, data: Buffer.from("two") };
    }
    const heard: string[] = [];
    for await (const message of bidiCall(channel, DomainServiceService.openConsole, say(), never)) {
      heard.push(message.data.toString());
    }
    expect(heard).toEqual(["web:one", ":two"]);
  });

  it("ends a stream that the agent ends, though the caller has more to say", async () => {
    await using world = new World();
    await world.agent("host-a", [
      {
        definition: DomainServiceService,
        implementation: {
          openConsole: bidi<OpenConsoleRequest, OpenConsoleResponse>(async function* () {
            yield { data: Buffer.from("bye") };
          }),
        },
      },
    ]);
    const channel = await world.gateway();
    const abort = new AbortController();
    async function* say(): AsyncGenerator<OpenConsoleRequest> {
      yield { uri: URI, domain: "web", device: "", force: false, data: Buffer.alloc(0) };
      await new Promise((resolve) => abort.signal.addEventListener("abort", resolve));
    }
    const heard: string[] = [];
    const stream = bidiCall(channel, DomainServiceService.openConsole, say(), { signal: abort.signal });
    for await (const message of stream) heard.push(message.data.toString());
    expect(heard).toEqual(["bye"]);
    abort.abort();
  });

  it("holds an agent back that is faster than the caller", async () => {
    await using world = new World();
    let sent = 0;
    const chunk = Buffer.alloc(64 * 1024);
    await world.agent("host-a", [
      {
        definition: DomainServiceService,
        implementation: {
          takeScreenshot: serverStream<unknown, TakeScreenshotResponse>(async function* () {
            for (; sent < 2000; sent++) yield { mimeType: "image/png", data: chunk };
          }),
        },
      },
    ]);
    const channel = await world.gateway();
    const abort = new AbortController();
    const stream = streamCall(
      channel,
      DomainServiceService.takeScreenshot,
      { uri: URI, domain: "web", screen: 0 },
      { signal: abort.signal },
    );
    await stream.next();
    // Long enough for everything, if nothing held it back.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(sent).toBeLessThan(1000);
    let received = 1;
    for await (const _ of stream) received++;
    expect(received).toBe(2000);
  });

  it("holds a caller back that sends faster than the agent takes, and gives it the one answer", async () => {
    await using world = new World();
    let sent = 0;
    let taken = 0;
    const go = Promise.withResolvers<void>();
    await world.agent("host-a", [
      {
        definition: StorageServiceService,
        implementation: {
          uploadVolume: clientStream<UploadVolumeRequest, StorageVolume>(async (requests) => {
            for await (const { data } of requests) {
              if (taken === 0) await go.promise;
              taken += data.length;
            }
            return StorageVolume.fromPartial({ capacityBytes: BigInt(taken) });
          }),
        },
      },
    ]);
    const channel = await world.gateway();
    const data = Buffer.alloc(64 * 1024);
    async function* sending(): AsyncGenerator<UploadVolumeRequest> {
      for (; sent < 2000; sent++) yield UploadVolumeRequest.fromPartial({ uri: sent === 0 ? URI : "", data });
    }
    const answer = clientStreamCall(channel, StorageServiceService.uploadVolume, sending(), never);
    // Long enough for everything, if nothing held it back.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(sent).toBeLessThan(1000);
    go.resolve();
    expect((await answer).capacityBytes).toBe(BigInt(2000 * data.length));
    expect(world.observed).toEqual(["/virtmesh.v1.StorageService/UploadVolume OK"]);
  });

  it("tells a caller that still sends why the agent does not take it", async () => {
    await using world = new World();
    await world.agent("host-a", [
      {
        definition: StorageServiceService,
        implementation: {
          uploadVolume: clientStream<UploadVolumeRequest, StorageVolume>(async () => {
            throw new VirtError("NO_SPACE", "the pool is full");
          }),
        },
      },
    ]);
    const channel = await world.gateway();
    const data = Buffer.alloc(64 * 1024);
    async function* endless(): AsyncGenerator<UploadVolumeRequest> {
      for (;;) yield UploadVolumeRequest.fromPartial({ uri: URI, data });
    }
    const answer = clientStreamCall(channel, StorageServiceService.uploadVolume, endless(), never);
    await expect(answer).rejects.toMatchObject({ reason: "NO_SPACE", message: "the pool is full" });
  });

  it("ends the calls of an agent whose lease is lost, and says for how long", async () => {
    await using world = new World();
    const begun = Promise.withResolvers<void>();
    const agent = await world.agent("host-a", [
      {
        definition: HostServiceService,
        implementation: {
          getHost: unary(async (_request: GetHostRequest, c): Promise<Host> => {
            begun.resolve();
            await new Promise((resolve) => c.signal.addEventListener("abort", resolve));
            throw new VirtError("CANCELLED", "stopped");
          }),
        },
      },
    ]);
    const channel = await world.gateway();
    const call = unaryCall(channel, HostServiceService.getHost, { uri: URI }, never);
    await begun.promise;
    world.leases.say("lost", agent);
    await expect(call).rejects.toMatchObject({
      reason: "HOST_GONE",
      message: expect.stringContaining("its lease ended 0 s ago"),
    });
    await expect(unaryCall(channel, HostServiceService.getHost, { uri: URI }, never)).rejects.toMatchObject({
      reason: "HOST_GONE",
    });
  });

  it("follows an agent to its new address", async () => {
    await using world = new World();
    const answering = (name: string): ServiceEntry => ({
      definition: HostServiceService,
      implementation: { getHost: unary((): Host => Host.fromPartial({ name })) },
    });
    await world.agent("host-a", [answering("before")]);
    const channel = await world.gateway();
    expect((await unaryCall(channel, HostServiceService.getHost, { uri: URI }, never)).name).toBe("before");
    await world.agent("host-a", [answering("after")]);
    expect((await unaryCall(channel, HostServiceService.getHost, { uri: URI }, never)).name).toBe("after");
  });

  it("says that nothing was done when nobody listens at the agent's address", async () => {
    await using world = new World();
    world.leases.say("alive", agentAt("host-a", "127.0.0.1:1"));
    const channel = await world.gateway();
    await expect(unaryCall(channel, HostServiceService.getHost, { uri: URI }, never)).rejects.toMatchObject({
      reason: "HOST_GONE",
      message: expect.stringMatching(
        /^the agent of host-a cannot be reached .*ECONNREFUSED.*; nothing was done there$/,
      ),
    });
  });

  it("passes on trailers of an agent that is not written with this kit", async () => {
    await using world = new World();
    const server = new Server();
    server.addService(HostServiceService, {
      getHost: (_call: unknown, callback: sendUnaryData<Host>) => {
        const metadata = new Metadata();
        metadata.set("x-extra-bin", Buffer.from([1, 2, 3]));
        callback({ code: status.FAILED_PRECONDITION, details: "100 % not so", metadata });
      },
    });
    world.defer(() => server.forceShutdown());
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (e, p) =>
        e ? reject(e) : resolve(p),
      );
    });
    world.leases.say("alive", agentAt("host-a", `127.0.0.1:${port}`));
    const channel = await world.gateway();
    const { getHost } = HostServiceService;
    const failure = await new Promise<unknown>((resolve) => {
      channel.client.makeUnaryRequest(
        getHost.path,
        getHost.requestSerialize,
        getHost.responseDeserialize,
        { uri: URI },
        (e) => resolve(e),
      );
    });
    expect(failure).toMatchObject({ code: status.FAILED_PRECONDITION, details: "100 % not so" });
    expect((failure as { metadata: Metadata }).metadata.get("x-extra-bin")[0]).toEqual(
      Buffer.from([1, 2, 3]),
    );
  });
});
