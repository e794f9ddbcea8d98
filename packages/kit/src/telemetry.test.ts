import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { Echo, type Message, serve } from "./fixture.ts";
import { Collector } from "./fixture-collector.ts";
import { connect, unaryCall } from "./grpc-client.ts";
import { unary } from "./grpc-server.ts";
import { Scope } from "./scope.ts";
import { parseTraceparent, startTelemetry, traceparent, withSpan } from "./telemetry.ts";

const call = () => ({ signal: new AbortController().signal });

describe("tracing without an endpoint", () => {
  it("records nothing and has no trace of its own", async () => {
    await using telemetry = startTelemetry({ service: "test", env: {} });
    expect(telemetry.enabled).toBe(false);
    expect(await withSpan("work", {}, () => traceparent())).toBe("");
  });

  it("still hands a caller's trace on to the next hop", async () => {
    await using scope = new Scope();
    const telemetry = scope.own(startTelemetry({ service: "test", env: {} }));
    const last = await serve(scope, { say: unary((_m: Message, c) => ({ text: c.trace })) }, { telemetry });
    const onward = scope.own(connect(last.server.address));
    const say = unary((m: Message, c) => unaryCall(onward, Echo.say, m, { signal: c.signal }));
    const first = await serve(scope, { say }, { telemetry });
    const channel = scope.own(connect(first.server.address));
    const trace = `00-${"1".repeat(32)}-${"2".repeat(16)}-01`;
    expect((await unaryCall(channel, Echo.say, { text: "" }, { ...call(), trace })).text).toBe(trace);
  });
});

describe("tracing to a collector", () => {
  // In a process of its own: the exporter loads its transport by import(), which jest's sandbox does not have.
  it("is one trace over two hops, each span under the service that made it", async () => {
    await using collector = await Collector.start();
    await runTraced("hops", collector.url);
    const chain: string[] = [];
    let parent = "";
    for (;;) {
      const next = collector.spans.find((span) => span.parentId === parent);
      if (next === undefined) break;
      chain.push(`${next.service} ${next.name} ${next.kind}`);
      parent = next.spanId;
    }
    expect(chain).toEqual([
      "client root internal",
      "client kit.test.Echo/Say client",
      "gateway kit.test.Echo/Say server",
      "gateway kit.test.Echo/Say client",
      "agent kit.test.Echo/Say server",
    ]);
    expect(new Set(collector.spans.map((span) => span.traceId)).size).toBe(1);
  });

  it("takes up the trace in a message header, and marks failures with their reason", async () => {
    await using collector = await Collector.start();
    const log = await runTraced("failure", collector.url);
    expect(collector.spans).toEqual([
      expect.objectContaining({
        name: "apply",
        kind: "consumer",
        traceId: "a".repeat(32),
        parentId: "b".repeat(16),
        isFailed: true,
        errorType: "DOMAIN_BUSY",
        events: ["guest paused"],
      }),
    ]);
    expect(JSON.parse(log)).toMatchObject({ trace_id: "a".repeat(32), span_id: collector.spans[0]?.spanId });
  });

  it("leaves out what the sampler leaves out", async () => {
    await using collector = await Collector.start();
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_TRACES_SAMPLER: "always_off" };
    await using telemetry = startTelemetry({ service: "agent", env });
    await withSpan("work", {}, () => undefined);
    await telemetry.flush();
    expect(collector.spans).toEqual([]);
  });
});

describe("the environment", () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" };

  it.each([[{ OTEL_SDK_DISABLED: "true" }], [{ OTEL_TRACES_EXPORTER: "none" }]])(
    "can turn tracing off: %j",
    (off) => {
      expect(startTelemetry({ service: "test", env: { ...endpoint, ...off } }).enabled).toBe(false);
    },
  );

  it.each([
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, "OTEL_EXPORTER_OTLP_PROTOCOL"],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "collector" }, "OTEL_EXPORTER_OTLP_ENDPOINT"],
    [{ OTEL_TRACES_SAMPLER: "sometimes" }, "OTEL_TRACES_SAMPLER"],
    [{ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "2" }, "OTEL_TRACES_SAMPLER_ARG"],
  ])("is refused with the variable named: %j", (wrong, named) => {
    expect(() => startTelemetry({ service: "test", env: { ...endpoint, ...wrong } })).toThrow(named);
  });
});

describe("parseTraceparent", () => {
  const [id, span] = ["a".repeat(32), "b".repeat(16)];

  it("reads version 00 and takes the known fields of later ones", () => {
    expect(parseTraceparent(`00-${id}-${span}-01`)).toMatchObject({
      traceId: id,
      spanId: span,
      traceFlags: 1,
    });
    expect(parseTraceparent(`01-${id}-${span}-00-more`)).toMatchObject({ traceId: id });
  });

  it.each([
    "",
    `ff-${id}-${span}-01`,
    `00-${id}-${span}-01-more`,
    `00-${"0".repeat(32)}-${span}-01`,
    `00-${id}-${"0".repeat(16)}-01`,
    `00-${id.toUpperCase()}-${span}-01`,
  ])("takes %j as none", (text) => {
    expect(parseTraceparent(text)).toBeUndefined();
  });
});

/** Runs a part of fixture-traced.ts against a collector; gives what it logged. */
async function runTraced(part: string, url: string): Promise<string> {
  const { stderr } = await promisify(execFile)(
    process.execPath,
    [join(__dirname, "fixture-traced.ts"), part],
    {
      env: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: url },
    },
  );
  return stderr;
}
