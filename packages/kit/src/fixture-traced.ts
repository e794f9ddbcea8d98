import { VirtError } from "@virtmesh/core/errors";
import { Echo, type Message, serve } from "./fixture.ts";
import { connect, unaryCall } from "./grpc-client.ts";
import { unary } from "./grpc-server.ts";
import { createLogger } from "./logger.ts";
import { Scope } from "./scope.ts";
import { spanEvent, startTelemetry, withSpan } from "./telemetry.ts";

/** Programs that are traced, for telemetry.test.ts: the collector comes from the environment. */
const PARTS: Record<string, (scope: Scope) => Promise<void>> = {
  /** A client asks a gateway, which asks an agent. */
  async hops(scope) {
    const telemetryOf = (service: string) => scope.own(startTelemetry({ service, host: "host-a" }));
    // The first one is the process' own; servers use the one they are given.
    telemetryOf("client");
    const agent = { telemetry: telemetryOf("agent") };
    const gateway = { telemetry: telemetryOf("gateway") };
    const last = await serve(scope, { say: unary((m: Message) => m) }, agent);
    const onward = scope.own(connect(last.server.address));
    const first = await serve(
      scope,
      { say: unary((m: Message, c) => unaryCall(onward, Echo.say, m, c)) },
      gateway,
    );
    const channel = scope.own(connect(first.server.address));
    await withSpan("root", {}, () => unaryCall(channel, Echo.say, { text: "" }, { signal: scope.signal }));
  },

  /** A message with a trace is handled, and that fails. */
  async failure(scope) {
    scope.own(startTelemetry({ service: "agent" }));
    const logger = createLogger({ service: "agent" });
    const parentTrace = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
    const failing = withSpan("apply", { kind: "consumer", parentTrace }, () => {
      logger.info("applying");
      spanEvent("guest paused", { domain: "web" });
      throw new VirtError("DOMAIN_BUSY", "busy");
    });
    const failed = await failing.catch((e: unknown) => e);
    if (!VirtError.is(failed)) throw failed;
  },
};

await using scope = new Scope();
await PARTS[process.argv[2] ?? ""]?.(scope);
