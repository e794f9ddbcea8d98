import { MigrationProgress } from "@virtmesh/api/gen/virtmesh/v1/migration";
import { jsonReporter, textReporter } from "./reporter.ts";

class Page {
  text = "";
  readonly isTTY: boolean;
  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }
  write(text: string): void {
    this.text += text;
  }
}

describe("the demo's report", () => {
  it("writes only results to a pipe", () => {
    const page = new Page(false);
    const reporter = textReporter(page);
    const step = reporter.step("Starting NATS");
    step.detail("reading its configuration");
    reporter.progress(MigrationProgress.fromPartial({ percent: 5 }));
    step.done();
    expect(page.text).toBe("  ✓ Starting NATS (0.0 s)\n");
  });

  it("draws the present step again in place on a terminal", () => {
    const page = new Page(true);
    const step = textReporter(page).step("Starting NATS");
    step.done("NATS runs");
    expect(page.text).toBe("  … Starting NATS\n\u001b[1A\r\u001b[J  ✓ NATS runs (0.0 s)\n");
  });

  it("is one JSON object a line for programs, and ends with the outcome", () => {
    const page = new Page(true);
    const reporter = jsonReporter(page);
    reporter.step("Starting NATS").done();
    reporter.outcome({ outcome: "migrated", downtime_ms: 140, total_ms: 2300, verified: true });
    const lines = page.text.trim().split("\n");
    expect(JSON.parse(lines[0] ?? "")).toEqual({ step: "Starting NATS", state: "begun" });
    expect(lines.at(-1)).toBe('{"outcome":"migrated","downtime_ms":140,"total_ms":2300,"verified":true}');
  });

  it("says of each hypervisor that failed why, and of the others nothing more", () => {
    const page = new Page(false);
    const reporter = textReporter(page);
    reporter.step("Taking a guest of xen through its life").failed("xen: there is no QEMU");
    reporter.outcome({ hypervisors: { qemu: "ok", xen: "there is no QEMU" } });
    expect(page.text).toBe("  ✗ xen: there is no QEMU\n  ✗ xen: there is no QEMU\n");
  });

  it("shows every event with the connection it came from", () => {
    const page = new Page(false);
    const event = { uri: "esx://host-esx/", guest: "tour", event: "started", detail: "booted" };
    textReporter(page).event(event);
    jsonReporter(page).event(event);
    expect(page.text).toBe(`      esx://host-esx/  tour  started  booted\n${JSON.stringify({ event })}\n`);
  });
});
