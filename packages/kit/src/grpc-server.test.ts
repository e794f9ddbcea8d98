import { loadSync } from "@grpc/proto-loader";
import type { MethodDefinition } from "@grpc/grpc-js";
import { HostServiceService } from "@virtmesh/api/gen/virtmesh/v1/host";
import { service as healthService } from "grpc-health-check";
import { Echo, type Message, serve } from "./fixture.ts";
import { bidiCall, connect, streamCall, unaryCall } from "./grpc-client.ts";
import { serverStream, startServer, unary } from "./grpc-server.ts";
import { createLogger } from "./logger.ts";
import { createMetrics } from "./metrics.ts";
import { Scope } from "./scope.ts";

const call = () => ({ signal: new AbortController().signal });
const health = healthService as unknown as Record<
  "Check" | "Watch",
  MethodDefinition<{ service: string }, { status: string }>
>;

describe("a server", () => {
  it("answers health for the whole and for each service, and tells watchers of changes", async () => {
    await using scope = new Scope();
    const { server } = await serve(scope, {});
    const channel = scope.own(connect(server.address));
    expect(await unaryCall(channel, health.Check, { service: "" }, call())).toEqual({ status: "SERVING" });
    await expect(unaryCall(channel, health.Check, { service: "no.Such" }, call())).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
    const watch = streamCall(channel, health.Watch, { service: "kit.test.Echo" }, call());
    expect((await watch.next()).value).toEqual({ status: "SERVING" });
    server.setServing("kit.test.Echo", false);
    expect((await watch.next()).value).toEqual({ status: "NOT_SERVING" });
    await watch.return();
  });

  it("lists its services by reflection, and describes them", async () => {
    await using scope = new Scope();
    const server = scope.own(
      await startServer({
        listen: "127.0.0.1:0",
        services: [{ definition: HostServiceService, implementation: {} }],
        logger: createLogger({ service: "test", level: "silent" }),
        metrics: createMetrics({ service: "test", host: "host-a" }),
        signal: scope.signal,
      }),
    );
    const channel = scope.own(connect(server.address));
    async function* questions(): AsyncGenerator<object> {
      yield { listServices: "*" };
      yield { fileContainingSymbol: "virtmesh.v1.HostService" };
    }
    const answers: ReflectionAnswer[] = [];
    for await (const answer of bidiCall(channel, reflection(), questions(), call())) answers.push(answer);
    expect(answers[0]?.listServicesResponse?.service.map((s) => s.name).sort()).toEqual([
      "grpc.health.v1.Health",
      "virtmesh.v1.HostService",
    ]);
    const files = answers[1]?.fileDescriptorResponse?.fileDescriptorProto ?? [];
    expect(files.some((file) => file.includes("GetHostRequest"))).toBe(true);
  });

  it("lets calls in progress finish when it closes, and ends streams with SHUTTING_DOWN", async () => {
    await using scope = new Scope();
    const arrived = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    const { server } = await serve(scope, {
      say: unary(async (m: Message) => {
        arrived.resolve();
        await finish.promise;
        return m;
      }),
      tell: serverStream(async function* (_m: Message, c) {
        yield { text: "hello" };
        await new Promise((resolve) => c.signal.addEventListener("abort", resolve));
      }),
    });
    const channel = scope.own(connect(server.address));
    const stream = streamCall(channel, Echo.tell, { text: "" }, call());
    await stream.next();
    const answer = unaryCall(channel, Echo.say, { text: "late" }, call());
    await arrived.promise;
    const closed = server[Symbol.asyncDispose]();
    await expect(stream.next()).rejects.toMatchObject({ reason: "SHUTTING_DOWN" });
    finish.resolve();
    expect(await answer).toEqual({ text: "late" });
    await closed;
  });

  it("breaks calls off that take longer than the grace, and waits for their handlers", async () => {
    await using scope = new Scope();
    const arrived = Promise.withResolvers<void>();
    let isHandled = false;
    const { server } = await serve(
      scope,
      {
        say: unary(async (_m: Message, c) => {
          arrived.resolve();
          await new Promise((resolve) => c.signal.addEventListener("abort", resolve));
          await new Promise((resolve) => setImmediate(resolve));
          isHandled = true;
          throw c.signal.reason;
        }),
      },
      { graceMs: 50 },
    );
    const channel = scope.own(connect(server.address));
    const answer = unaryCall(channel, Echo.say, { text: "" }, call()).catch((e: unknown) => e);
    await arrived.promise;
    await server[Symbol.asyncDispose]();
    expect(await answer).toMatchObject({ reason: "SHUTTING_DOWN" });
    expect(isHandled).toBe(true);
  });

  it("resets what ignores its signal, which the client sees as HOST_GONE", async () => {
    await using scope = new Scope();
    const arrived = Promise.withResolvers<void>();
    const never = Promise.withResolvers<Message>();
    const say = unary(async () => {
      arrived.resolve();
      return never.promise;
    });
    const { server } = await serve(scope, { say }, { graceMs: 10 });
    const channel = scope.own(connect(server.address));
    const answer = unaryCall(channel, Echo.say, { text: "" }, call()).catch((e: unknown) => e);
    await arrived.promise;
    await server[Symbol.asyncDispose]();
    expect(await answer).toMatchObject({ reason: "HOST_GONE" });
  });

  it("closes when its signal aborts", async () => {
    await using outer = new Scope();
    const inner = new Scope();
    const { server } = await serve(inner, { say: unary((m: Message) => m) });
    const channel = outer.own(connect(server.address));
    await unaryCall(channel, Echo.say, { text: "" }, call());
    await inner[Symbol.asyncDispose]();
    await expect(unaryCall(channel, Echo.say, { text: "" }, call())).rejects.toMatchObject({
      reason: "HOST_GONE",
    });
  });

  it("names the address that it cannot listen on", async () => {
    await using scope = new Scope();
    const { server } = await serve(scope, {});
    await expect(serve(scope, {}, { listen: server.address })).rejects.toMatchObject({
      reason: "HOST_SETUP",
      message: expect.stringContaining(`cannot listen on ${server.address}`) as string,
    });
  });

  it("counts and times its calls", async () => {
    await using scope = new Scope();
    const { server, metrics } = await serve(scope, { say: unary((m: Message) => m) });
    const channel = scope.own(connect(server.address));
    await unaryCall(channel, Echo.say, { text: "" }, call());
    const text = await metrics.scrape();
    expect(text).toContain(
      'virtmesh_grpc_server_calls_total{method="kit.test.Echo/Say",code="OK",service="echo",host="host-a"} 1',
    );
    expect(text).toMatch(/virtmesh_grpc_server_call_seconds_count\{.*method="kit.test.Echo\/Say".*\} 1/);
  });
});

interface ReflectionAnswer {
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] } | null;
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Buffer[] } | null;
}

/** The method as a foreign client has it: from the public proto file. */
function reflection(): MethodDefinition<object, ReflectionAnswer> {
  const file = require
    .resolve("@grpc/reflection")
    .replace(/src\/index\.js$/, "proto/grpc/reflection/v1/reflection.proto");
  const service = loadSync(file)["grpc.reflection.v1.ServerReflection"];
  return (service as unknown as Record<string, MethodDefinition<object, ReflectionAnswer>>)[
    "ServerReflectionInfo"
  ] as MethodDefinition<object, ReflectionAnswer>;
}
