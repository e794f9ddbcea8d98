import { context, DiagLogLevel, diag, type Tracer } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from "@opentelemetry/resources";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { VirtError } from "@virtmesh/core/errors";

export interface SpanExport {
  readonly tracer: Tracer;
  flush(): Promise<void>;
  shutdown(): Promise<void>;
}

let installed = false;

/** The context of a call follows its promises; needed also without an exporter, to pass trace ids on. */
export function installContextManager(): void {
  if (installed) return;
  installed = context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
}

/** An exporter as the environment asks for it; undefined when it asks for none. */
export function startExport(about: {
  readonly service: string;
  readonly host?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly onWarning?: (message: string) => void;
}): SpanExport | undefined {
  const env = about.env ?? process.env;
  const url = endpointOf(env);
  if (url === undefined) return undefined;
  const { onWarning } = about;
  if (onWarning !== undefined) {
    const tell = (message: string, ...rest: unknown[]): void =>
      onWarning([message, ...rest].map(String).join(" "));
    const quiet = (): void => undefined;
    diag.setLogger(
      { error: tell, warn: tell, info: quiet, debug: quiet, verbose: quiet },
      { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
    );
  }
  const delay = Number(env["OTEL_BSP_SCHEDULE_DELAY"] || 5000);
  const provider = new TracerProvider({
    resource: defaultResource()
      .merge(
        resourceFromAttributes({
          "service.name": about.service,
          "service.namespace": "virtmesh",
          ...(about.host ? { "host.name": about.host } : {}),
        }),
      )
      .merge(detectResources({ detectors: [envDetector] })),
    sampler: samplerOf(env),
    // The exporter reads the standard variables for headers, time-out, compression and certificates itself.
    spanProcessors: [
      new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url }), scheduledDelayMillis: delay }),
    ],
  });
  return {
    tracer: provider.getTracer("virtmesh"),
    flush: () => provider.forceFlush(),
    shutdown: () => within(provider.shutdown(), SHUTDOWN_MS),
  };
}

/** The last spans are worth a short wait; a collector that is away must not hold up the end of a process. */
const SHUTDOWN_MS = 2000;

function within(promise: Promise<void>, ms: number): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, ms);
  return Promise.race([promise, late.promise]).finally(() => clearTimeout(timer));
}

/** Where to send spans; undefined when tracing is off. */
function endpointOf(env: NodeJS.ProcessEnv): string | undefined {
  if (env["OTEL_SDK_DISABLED"]?.toLowerCase() === "true" || env["OTEL_TRACES_EXPORTER"] === "none")
    return undefined;
  const base = env["OTEL_EXPORTER_OTLP_ENDPOINT"];
  const url =
    env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] || (base ? `${base.replace(/\/+$/, "")}/v1/traces` : "");
  if (url === "") return undefined;
  for (const name of ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]) {
    const protocol = env[name];
    if (protocol && protocol !== "http/protobuf") {
      throw new VirtError("INVALID_FIELD", `${name} is "${protocol}", only http/protobuf is spoken here`);
    }
  }
  if (!URL.canParse(url)) {
    throw new VirtError("INVALID_FIELD", `OTEL_EXPORTER_OTLP_ENDPOINT leads to "${url}", which is not a URL`);
  }
  return url;
}

/** OTEL_TRACES_SAMPLER, by default parentbased_always_on. */
function samplerOf(env: NodeJS.ProcessEnv): Sampler {
  const name = env["OTEL_TRACES_SAMPLER"] || "parentbased_always_on";
  const parentBased = name.startsWith("parentbased_");
  const root = rootSampler(name.replace("parentbased_", ""), env);
  return parentBased ? new ParentBasedSampler({ root }) : root;
}

function rootSampler(name: string, env: NodeJS.ProcessEnv): Sampler {
  if (name === "always_on") return new AlwaysOnSampler();
  if (name === "always_off") return new AlwaysOffSampler();
  if (name === "traceidratio") return new TraceIdRatioBasedSampler(ratioOf(env["OTEL_TRACES_SAMPLER_ARG"]));
  throw new VirtError(
    "INVALID_FIELD",
    `OTEL_TRACES_SAMPLER is "${env["OTEL_TRACES_SAMPLER"]}", write always_on, always_off or traceidratio, each with or without parentbased_`,
  );
}

function ratioOf(text: string | undefined): number {
  const ratio = text ? Number(text) : 1;
  if (!(ratio >= 0 && ratio <= 1)) {
    throw new VirtError("INVALID_FIELD", `OTEL_TRACES_SAMPLER_ARG is "${text}", write a number from 0 to 1`);
  }
  return ratio;
}
