import { Collector } from "@virtmesh/kit/fixture-collector";
import { TwoHosts } from "./two-hosts.ts";

describe("the trace of a migration", () => {
  it("is one, over the gateway, both agents and the commands to both hypervisors", async () => {
    await using collector = await Collector.start();
    await using hosts = await TwoHosts.start({
      netns: false,
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url },
    });
    await hosts.startGuest();
    await hosts.end(await hosts.begin());
    // Ending in order, every process sends what it has.
    for (const process of [hosts.mesh.gateway, hosts.a.agent, hosts.b.agent]) await process.kill("SIGTERM");
    const begun = collector.spans.find(
      (s) => s.service === "virtmesh-gateway" && s.name.endsWith("MigrateDomain"),
    );
    const ours = collector.spans.filter((s) => s.traceId === begun?.traceId);
    const names = ours.map((s) => `${s.service}: ${s.name}`);
    // `migration.*` is the source's agent, `incoming.*` the destination's.
    expect(names).toEqual(
      expect.arrayContaining([
        "qemu-agent: migration.decide",
        "qemu-agent: qmp blockdev-mirror",
        "qemu-agent: qmp migrate",
        "qemu-agent: qmp migrate-continue",
        "qemu-agent: incoming.prepare",
        "qemu-agent: qmp block-export-add",
        "qemu-agent: incoming.resume",
        "qemu-agent: qmp cont",
      ]),
    );
  }, 120_000);
});
