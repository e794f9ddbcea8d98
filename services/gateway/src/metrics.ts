import { status } from "@grpc/grpc-js";
import type { Metrics } from "@virtmesh/kit/metrics";
import type { Directory } from "./directory.ts";

/** What the gateway counts. */
export interface GatewayMetrics extends Disposable {
  /** A call that was sent on to an agent, or could not be. */
  observe(path: string, code: number, seconds: number): void;
}

export function gatewayMetrics(metrics: Metrics, directory: Directory): GatewayMetrics {
  const calls = metrics.counter({
    name: "virtmesh_gateway_forwarded_calls_total",
    help: "Calls sent on to agents, by service and status code",
    labels: ["service", "code"],
  });
  const seconds = metrics.histogram({
    name: "virtmesh_gateway_forward_seconds",
    help: "Time from the arrival of a forwarded unary call to its answer",
    labels: ["service"],
    buckets: [0.0002, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 5, 30],
  });
  const agents = metrics.gauge({
    name: "virtmesh_gateway_agents",
    help: "Agents that the gateway knows, by state (alive, lost)",
    labels: ["state"],
  });
  const scrape = metrics.onScrape(() => {
    const known = directory.list();
    const lost = known.filter((agent) => agent.lostAtMs !== undefined).length;
    agents.set({ state: "alive" }, known.length - lost);
    agents.set({ state: "lost" }, lost);
  });
  // Label objects are made once: this runs for every call.
  const labels = new Map<string, { readonly service: string; readonly code: string }>();
  return {
    observe(path, code, elapsed) {
      const key = `${path} ${code}`;
      let label = labels.get(key);
      if (label === undefined) {
        label = { service: path.slice(1, path.lastIndexOf("/")), code: status[code] ?? String(code) };
        labels.set(key, label);
      }
      calls.inc(label);
      seconds.observe({ service: label.service }, elapsed);
    },
    [Symbol.dispose]: () => scrape[Symbol.dispose](),
  };
}
