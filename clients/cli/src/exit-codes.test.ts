import { type Reason, REASONS, VirtError } from "@virtmesh/core/errors";
import { describeError, errorJson } from "./describe-error.ts";
import { exitCodeOf } from "./exit-codes.ts";

describe("the exit status", () => {
  it.each<[Reason, number]>([
    ["INVALID_URI", 2],
    ["DOMAIN_NOT_FOUND", 3],
    ["DOMAIN_RUNNING", 4],
    ["DOMAIN_EXISTS", 4],
    ["DOMAIN_BUSY", 4],
    ["ETAG_MISMATCH", 4],
    ["HOST_GONE", 5],
    ["MIGRATION_FAILED", 6],
    ["CANCELLED", 6],
    ["NOT_PERMITTED", 7],
    ["UNSUPPORTED", 8],
    ["DEADLINE", 9],
    ["NO_SPACE", 10],
    ["HYPERVISOR_FAILED", 1],
  ])("of %s is %i", (reason, status) => expect(exitCodeOf(new VirtError(reason, "x"))).toBe(status));

  it("is never 0 for an error", () => {
    for (const reason of Object.keys(REASONS) as Reason[])
      expect(exitCodeOf(new VirtError(reason, "x"))).toBeGreaterThan(0);
    expect(exitCodeOf("thrown text")).toBe(1);
  });
});

describe("what is said of an error", () => {
  it("is the message, what is in the way, the reason and a hint", () => {
    const error = new VirtError("DOMAIN_BUSY", '"web-1" is being migrated', {
      preconditions: [{ type: "OPERATION", subject: "operations/1", description: "migrate" }],
    });
    expect(describeError(error)).toEqual([
      'error: "web-1" is being migrated',
      "  OPERATION operations/1: migrate",
      "reason: DOMAIN_BUSY",
      "hint: `virtmesh operations` shows what is going on",
    ]);
  });

  it("says what to do when the gateway itself does not answer", () => {
    const error = new VirtError("HOST_GONE", "localhost:7770 does not answer");
    expect(describeError(error, "localhost:7770").at(-1)).toMatch(/is a gateway running there/);
    expect(describeError(error, "other:1")).toHaveLength(2);
  });

  it("is an object for programs", () => {
    expect(errorJson(new VirtError("INVALID_FIELD", "bad", { metadata: { field: "x" } }))).toEqual({
      error: { code: "INVALID_ARGUMENT", reason: "INVALID_FIELD", message: "bad", metadata: { field: "x" } },
    });
  });
});
