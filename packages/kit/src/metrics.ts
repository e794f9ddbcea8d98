import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { VirtError } from "@virtmesh/core/errors";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { splitAddress } from "./address.ts";

interface MetricOptions<L extends string> {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly L[];
}

/**
 * The metrics of one process. Asking twice for a name gives the same metric. All numbers come from memory: a
 * scrape never calls into a guest or a hypervisor.
 */
export interface Metrics {
  readonly registry: Registry;
  counter<L extends string = never>(options: MetricOptions<L>): Counter<L>;
  gauge<L extends string = never>(options: MetricOptions<L>): Gauge<L>;
  histogram<L extends string = never>(
    options: MetricOptions<L> & { readonly buckets?: readonly number[] },
  ): Histogram<L>;
  /** Runs `hook` before each scrape, to set gauges from what the process holds; dispose to stop. */
  onScrape(hook: () => void): Disposable;
  /** Text in the exposition format to go behind the metrics of a scrape, for what is too much for a registry. */
  addText(source: () => string): Disposable;
  /** The text that a scrape gets (Prometheus exposition format). */
  scrape(): Promise<string>;
}

/** Every metric gets the labels `service` and `host`; Node's own process metrics are included. */
export function createMetrics(about: { readonly service: string; readonly host: string }): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service: about.service, host: about.host });
  collectDefaultMetrics({ register: registry });
  const hooks = new Set<() => void>();
  const texts = new Set<() => string>();

  const basics = <L extends string>(o: MetricOptions<L>) => ({
    name: o.name,
    help: o.help,
    labelNames: o.labels ?? [],
    registers: [registry],
  });

  return {
    registry,
    counter<L extends string>(o: MetricOptions<L>): Counter<L> {
      const known = registry.getSingleMetric(o.name);
      return known instanceof Counter ? known : new Counter<L>(basics(o));
    },
    gauge<L extends string>(o: MetricOptions<L>): Gauge<L> {
      const known = registry.getSingleMetric(o.name);
      return known instanceof Gauge ? known : new Gauge<L>(basics(o));
    },
    histogram<L extends string>(
      o: MetricOptions<L> & { readonly buckets?: readonly number[] },
    ): Histogram<L> {
      const known = registry.getSingleMetric(o.name);
      if (known instanceof Histogram) return known;
      return new Histogram<L>({ ...basics(o), ...(o.buckets ? { buckets: [...o.buckets] } : {}) });
    },
    onScrape(hook) {
      hooks.add(hook);
      return { [Symbol.dispose]: () => void hooks.delete(hook) };
    },
    addText(source) {
      texts.add(source);
      return { [Symbol.dispose]: () => void texts.delete(source) };
    },
    async scrape() {
      for (const hook of hooks) hook();
      return (await registry.metrics()) + [...texts].map((source) => source()).join("");
    },
  };
}

export interface MetricsServer extends AsyncDisposable {
  /** `host:port` with the real port. */
  readonly address: string;
}

/**
 * Serves `/metrics` (Prometheus text) and `/healthz` (200 "ok", or 503 while `isHealthy` says no) over HTTP.
 * `listen` is `host:port`, port 0 for any. Closes when `signal` aborts or on disposal.
 */
export async function serveMetrics(
  metrics: Metrics,
  listen: string,
  signal: AbortSignal,
  isHealthy: () => boolean = () => true,
): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    const path = (request.url ?? "/").split("?")[0];
    const answer = (status: number, type: string, body: string): void => {
      response.writeHead(status, { "content-type": type }).end(body);
    };
    if (path === "/healthz") {
      if (isHealthy()) answer(200, "text/plain", "ok\n");
      else answer(503, "text/plain", "not serving\n");
    } else if (path === "/metrics") {
      metrics.scrape().then(
        (text) => answer(200, metrics.registry.contentType, text),
        () => answer(500, "text/plain", "the metrics could not be written\n"),
      );
    } else {
      answer(404, "text/plain", "try /metrics or /healthz\n");
    }
  });
  const address = await listening(server, listen);
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  const onAbort = (): void => void server.close();
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  return {
    address,
    [Symbol.asyncDispose]: () => {
      signal.removeEventListener("abort", onAbort);
      return close();
    },
  };
}

function listening(server: Server, listen: string): Promise<string> {
  const { host, port } = splitAddress(listen);
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      reject(
        new VirtError(
          "HOST_SETUP",
          `cannot listen on ${listen} for metrics: ${cause.message}`,
          {},
          { cause },
        ),
      );
    });
    server.listen(port, host, () => {
      const bound = server.address() as AddressInfo;
      resolve(`${bound.family === "IPv6" ? `[${bound.address}]` : bound.address}:${bound.port}`);
    });
  });
}
