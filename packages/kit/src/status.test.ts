import { Metadata, status } from "@grpc/grpc-js";
import { REASONS, type Reason, VirtError } from "@virtmesh/core/errors";
import fc from "fast-check";
import { fromRpcStatus, fromServiceError, toRpcStatus, toServiceError } from "./status.ts";

const reasons = Object.keys(REASONS) as Reason[];

describe("errors on the wire", () => {
  it.each(reasons.filter((r) => r !== "INTERNAL"))("%s survives the round trip", (reason) => {
    const error = new VirtError(reason, `guest "web" says ${reason}`, { metadata: { domain: "web" } });
    const back = fromServiceError(toServiceError(error));
    expect(back).toMatchObject({ reason, message: error.message, context: error.context });
  });

  it("carry their whole context", () => {
    const word = fc.string({ maxLength: 30 });
    // Not `__proto__`, which is no member of a plain object.
    const entry = fc.tuple(fc.stringMatching(/^[a-z][a-z_]{0,9}$/), word);
    const context = fc.record(
      {
        metadata: fc.array(entry, { minLength: 1, maxLength: 5 }).map((e) => Object.fromEntries(e)),
        resource: fc.record({ type: word, name: word }),
        violations: fc.array(fc.record({ field: word, description: word }), { minLength: 1, maxLength: 5 }),
        preconditions: fc.array(fc.record({ type: word, subject: word, description: word }), {
          minLength: 1,
          maxLength: 5,
        }),
        retryAfterMs: fc.integer({ min: 0, max: 10_000_000 }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(context, (given) => {
        const back = fromRpcStatus(toRpcStatus(new VirtError("DOMAIN_BUSY", "busy", given)));
        expect(back.context).toEqual(given);
      }),
    );
  });

  it("say nothing of what went wrong inside, and keep it as cause for the log", () => {
    const secret = new Error("password is hunter2");
    const failure = toServiceError(secret);
    expect(failure.code).toBe(status.INTERNAL);
    expect(failure.cause.cause).toBe(secret);
    const wire = failure.details + String(failure.metadata.get("grpc-status-details-bin")[0]);
    expect(wire).not.toContain("hunter2");
  });

  it("hide the text and the facts of an INTERNAL error that we made ourselves", () => {
    const status = toRpcStatus(
      new VirtError("INTERNAL", "journal is at /secret", { metadata: { path: "/secret" } }),
    );
    expect(JSON.stringify(fromRpcStatus(status))).not.toContain("/secret");
    expect(status.message).not.toContain("/secret");
  });

  it("fit into a trailer however long they are, with the reason and the first violations", () => {
    const violations = Array.from({ length: 1000 }, (_, i) => ({
      field: `f${i}`,
      description: "x".repeat(50),
    }));
    const failure = toServiceError(new VirtError("XML_INVALID", "y".repeat(100_000), { violations }));
    const details = failure.metadata.get("grpc-status-details-bin")[0] as Buffer;
    expect(details.length).toBeLessThan(11_000);
    const back = fromServiceError(failure);
    expect(back.reason).toBe("XML_INVALID");
    expect(back.context.violations?.[0]).toEqual(violations[0]);
  });

  it("keep the reason when a fact is too long", () => {
    const error = new VirtError("WRONG_STATE", "no", { metadata: { xml: "x".repeat(20_000) } });
    const back = fromServiceError(toServiceError(error));
    expect(back).toMatchObject({ reason: "WRONG_STATE", context: { metadata: { truncated: "true" } } });
  });

  it("keep the code of a reason that only a newer peer knows", () => {
    const known = toRpcStatus(new VirtError("DOMAIN_BUSY", "busy"));
    const value = Buffer.from(known.details[0]?.value ?? []);
    const newer = Buffer.from(value.toString("latin1").replace("DOMAIN_BUSY", "DOMAIN_LAZY"), "latin1");
    const back = fromRpcStatus({
      ...known,
      details: [{ typeUrl: known.details[0]?.typeUrl ?? "", value: newer }],
    });
    expect(back).toMatchObject({ code: "ABORTED", context: { metadata: { remote_reason: "DOMAIN_LAZY" } } });
  });
});

describe("gRPC errors without details", () => {
  const plain = (code: status, details = "because") => ({ code, details, metadata: new Metadata() });
  const about = { peer: "host-a:7443", method: "virtmesh.v1.DomainService/StartDomain" };

  it.each([
    [status.UNAVAILABLE, "HOST_GONE"],
    [status.DEADLINE_EXCEEDED, "DEADLINE"],
    [status.CANCELLED, "CANCELLED"],
    [status.UNIMPLEMENTED, "UNSUPPORTED"],
    [status.UNAUTHENTICATED, "NOT_AUTHENTICATED"],
    [status.PERMISSION_DENIED, "NOT_PERMITTED"],
    [status.RESOURCE_EXHAUSTED, "LIMIT_REACHED"],
    [status.NOT_FOUND, "NOT_FOUND"],
    [status.INTERNAL, "PROTOCOL"],
    [status.UNKNOWN, "INTERNAL"],
  ])("code %i becomes %s", (code, reason) => {
    expect(fromServiceError(plain(code)).reason).toBe(reason);
  });

  it("name the peer that does not answer", () => {
    expect(fromServiceError(plain(status.UNAVAILABLE, "connection refused"), about).message).toBe(
      "host-a:7443 does not answer: connection refused",
    );
  });

  it.each([
    "Attempted to send message with a size larger than 16777216",
    "Received message larger than max (17825846 vs. 16777216)",
    "Received message larger than max (17825846 vs 16777216)",
  ])("say how much a message may have: %s", (details) => {
    const { reason, message } = fromServiceError(plain(status.RESOURCE_EXHAUSTED, details), about);
    expect(reason).toBe("LIMIT_REACHED");
    expect(message).toContain("StartDomain has more than 16777216 bytes");
  });
});
