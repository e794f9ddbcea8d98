import { VirtError } from "@virtmesh/core/errors";
import { createLogger, describeError } from "./logger.ts";

function logged(write: (logger: ReturnType<typeof createLogger>) => void): Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = [];
  const to = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
  write(createLogger({ service: "agent", host: "host-a", to }));
  return lines;
}

describe("a log line", () => {
  it("is JSON with level by name, ISO time, service and host", () => {
    const [line] = logged((logger) => logger.info({ domain: "web" }, "domain started"));
    expect(line).toMatchObject({
      level: "info",
      service: "agent",
      host: "host-a",
      domain: "web",
      msg: "domain started",
    });
    expect(line?.["time"]).toMatch(/^\d{4}-\d\d-\d\dT/);
  });

  it("never holds a secret", () => {
    const [line] = logged((logger) =>
      logger.info(
        { password: "hunter2", graphics: { password: "hunter2" }, a: { b: { token: "hunter2" } } },
        "set",
      ),
    );
    expect(JSON.stringify(line)).not.toContain("hunter2");
    expect(line).toMatchObject({ password: "[redacted]" });
  });

  it("shows an error with its reason and the chain of its causes", () => {
    const error = new VirtError(
      "HYPERVISOR_FAILED",
      "QEMU went away",
      { metadata: { domain: "web" } },
      {
        cause: new Error("socket closed", { cause: "EPIPE" }),
      },
    );
    const [line] = logged((logger) => logger.error({ err: error }, "start failed"));
    expect(line?.["err"]).toMatchObject({
      type: "VirtError",
      reason: "HYPERVISOR_FAILED",
      context: { metadata: { domain: "web" } },
      causes: [{ type: "Error" }, { type: "string", message: "EPIPE" }],
    });
  });
});

describe("describeError", () => {
  it("takes anything thrown", () => {
    expect(describeError("just text")).toEqual({ type: "string", message: "just text" });
  });

  it("ends with a chain that bites its tail", () => {
    const error = new Error("a");
    error.cause = new Error("b", { cause: error });
    expect(describeError(error).causes).toHaveLength(1);
  });
});
