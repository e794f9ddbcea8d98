import { splitAddress } from "./address.ts";
import { createMetrics, serveMetrics } from "./metrics.ts";

const never = (): AbortSignal => new AbortController().signal;

describe("metrics", () => {
  it("are served as Prometheus text with service and host, Node's own included", async () => {
    const metrics = createMetrics({ service: "agent", host: "host-a" });
    metrics
      .counter({ name: "virtmesh_starts_total", help: "Guests started", labels: ["result"] })
      .inc({ result: "ok" });
    await using server = await serveMetrics(metrics, "127.0.0.1:0", never());
    const response = await fetch(`http://${server.address}/metrics`);
    expect(response.headers.get("content-type")).toContain("text/plain");
    const text = await response.text();
    expect(text).toContain("# HELP virtmesh_starts_total Guests started");
    expect(text).toContain('virtmesh_starts_total{result="ok",service="agent",host="host-a"} 1');
    expect(text).toContain("process_cpu_seconds_total");
  });

  it("keep a label of their own that has the name of a default one", async () => {
    const metrics = createMetrics({ service: "gateway", host: "host-a" });
    metrics.gauge({ name: "virtmesh_links", help: "Links", labels: ["host"] }).set({ host: "host-b" }, 1);
    expect(await metrics.scrape()).toContain('virtmesh_links{host="host-b",service="gateway"} 1');
  });

  it("are the same metric when asked for twice", async () => {
    const metrics = createMetrics({ service: "agent", host: "host-a" });
    const options = { name: "virtmesh_things_total", help: "Things" };
    metrics.counter(options).inc();
    metrics.counter(options).inc();
    expect(await metrics.scrape()).toContain('virtmesh_things_total{service="agent",host="host-a"} 2');
  });

  it("run their hooks at each scrape until these are disposed of", async () => {
    const metrics = createMetrics({ service: "agent", host: "host-a" });
    const gauge = metrics.gauge({ name: "virtmesh_guests", help: "Guests" });
    let guests = 3;
    const hook = metrics.onScrape(() => gauge.set(guests));
    expect(await metrics.scrape()).toMatch(/virtmesh_guests\{.*\} 3/);
    hook[Symbol.dispose]();
    guests = 4;
    expect(await metrics.scrape()).toMatch(/virtmesh_guests\{.*\} 3/);
  });
});

describe("the metrics server", () => {
  it("says on /healthz whether the process serves", async () => {
    let isHealthy = true;
    const metrics = createMetrics({ service: "agent", host: "host-a" });
    await using server = await serveMetrics(metrics, "127.0.0.1:0", never(), () => isHealthy);
    expect((await fetch(`http://${server.address}/healthz`)).status).toBe(200);
    isHealthy = false;
    expect((await fetch(`http://${server.address}/healthz`)).status).toBe(503);
    expect((await fetch(`http://${server.address}/else`)).status).toBe(404);
  });

  it("closes when its signal aborts", async () => {
    const abort = new AbortController();
    await using server = await serveMetrics(
      createMetrics({ service: "a", host: "b" }),
      "127.0.0.1:0",
      abort.signal,
    );
    abort.abort();
    await expect(fetch(`http://${server.address}/healthz`)).rejects.toThrow();
  });

  it("names the address that it cannot have", async () => {
    const metrics = createMetrics({ service: "agent", host: "host-a" });
    await using server = await serveMetrics(metrics, "127.0.0.1:0", never());
    await expect(serveMetrics(metrics, server.address, never())).rejects.toThrow(
      `cannot listen on ${server.address}`,
    );
  });
});

describe("splitAddress", () => {
  it.each([
    ["127.0.0.1:80", { host: "127.0.0.1", port: 80 }],
    ["[::1]:0", { host: "::1", port: 0 }],
    [":9090", { host: "0.0.0.0", port: 9090 }],
  ])("reads %s", (text, parts) => {
    expect(splitAddress(text)).toEqual(parts);
  });

  it.each(["80", "host", "host:99999", "::1:80"])("refuses %s", (text) => {
    expect(() => splitAddress(text)).toThrow("write host:port");
  });
});
