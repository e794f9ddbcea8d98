import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import { OperationMetadata } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { VirtError } from "@virtmesh/core/errors";
import { fromRpcStatus, toRpcStatus } from "@virtmesh/kit/status";
import { LineLog } from "../journal/line-log.ts";
import { packAny } from "./any.ts";
import { Operations } from "./operations.ts";

const call = {
  actor: "alice",
  requestId: "r",
  trace: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
};
const begin = { verb: "shutdown", uuid: "u", name: "web", call };
const response = packAny(
  "virtmesh.v1.OperationMetadata",
  OperationMetadata,
  OperationMetadata.fromPartial({ verb: "x" }),
);
const never = new AbortController().signal;
let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "operations-"));
});
afterEach(() => rm(dir, { recursive: true }));

async function open(keep = 100): Promise<Operations> {
  const { log, read } = await LineLog.open(join(dir, "operations.log"));
  return new Operations({ uri: "test://a/default", log, entries: read.entries, toStatus: toRpcStatus, keep });
}

function metadataOf(operation: Operation): OperationMetadata {
  return OperationMetadata.decode(operation.metadata?.value ?? Buffer.alloc(0));
}

function errorOf(operation: Operation): VirtError | undefined {
  return operation.result?.$case === "error" ? fromRpcStatus(operation.result.value) : undefined;
}

describe("operations", () => {
  it("are answered at once and carry who asked for what", async () => {
    await using operations = await open();
    const gate = Promise.withResolvers<typeof response>();
    const operation = await operations.start(begin, () => gate.promise);
    expect(operation.done).toBe(false);
    expect(operation.name).toMatch(/^operations\/[0-9a-f-]{36}$/);
    expect(metadataOf(operation)).toMatchObject({
      verb: "shutdown",
      domainUuid: "u",
      domainName: "web",
      actor: "alice",
      requestId: "r",
      traceId: "0af7651916cd43dd8448eb211c80319c",
    });
    gate.resolve(response);
    await operations.wait(operation.name, undefined, never);
  });

  it("end with the work's response", async () => {
    await using operations = await open();
    const { name } = await operations.start(begin, async () => response);
    const done = await operations.wait(name, undefined, never);
    expect(done.result).toEqual({ $case: "response", value: response });
  });

  it("end with the work's error", async () => {
    await using operations = await open();
    const e = new VirtError("DEADLINE", "it took too long");
    const { name } = await operations.start(begin, () => Promise.reject(e));
    expect(errorOf(await operations.wait(name, undefined, never))).toMatchObject({
      reason: "DEADLINE",
      message: e.message,
    });
  });

  it("answer a wait at its timeout with how far they are", async () => {
    await using operations = await open();
    const gate = Promise.withResolvers<typeof response>();
    const { name } = await operations.start(begin, () => gate.promise);
    expect((await operations.wait(name, 1, never)).done).toBe(false);
    gate.resolve(response);
    await operations.wait(name, undefined, never);
  });

  it("tell the work that somebody asks to cancel, and leave the outcome to it", async () => {
    await using operations = await open();
    const { name } = await operations.start(begin, async (op) => {
      await new Promise<void>((resolve) => op.signal.addEventListener("abort", () => resolve()));
      return response;
    });
    await operations.cancel(name);
    expect(metadataOf(operations.get(name)).cancelRequested).toBe(true);
    expect((await operations.wait(name, undefined, never)).result?.$case).toBe("response");
  });

  it("show every watcher the state now, then the latest of what changed, the end last", async () => {
    await using operations = await open();
    const gate = Promise.withResolvers<typeof response>();
    const { name } = await operations.start(begin, async (op) => {
      for (const domainName of ["1", "2", "3"]) op.progress({ domainName });
      return gate.promise;
    });
    const seen: string[] = [];
    for await (const operation of operations.watch(name, never)) {
      seen.push(`${metadataOf(operation).domainName} ${operation.done}`);
      gate.resolve(response);
    }
    expect(seen).toEqual(["3 false", "3 true"]);
  });

  it("are there after a restart with their result", async () => {
    let name = "";
    {
      await using operations = await open();
      ({ name } = await operations.start(begin, async () => response));
      await operations.wait(name, undefined, never);
    }
    await using operations = await open();
    expect(operations.get(name)).toMatchObject({ name, done: true, result: { $case: "response" } });
  });

  it("that ran when the agent ended are ABORTED after a restart when nobody takes them up", async () => {
    let name = "";
    {
      await using operations = await open();
      ({ name } = await operations.start(begin, () => new Promise(() => undefined)));
    }
    await using operations = await open();
    expect(operations.get(name).done).toBe(false);
    expect(await operations.abandonRest(new Set())).toBe(1);
    expect(errorOf(operations.get(name))).toMatchObject({ reason: "OPERATION_ABORTED" });
  });

  it("do not take the end of the agent for an outcome of the work", async () => {
    const ending = Promise.withResolvers<typeof response>();
    let name = "";
    {
      await using operations = await open();
      ({ name } = await operations.start(begin, () => ending.promise));
      operations.freeze();
      ending.reject(new VirtError("CANCELLED", "the agent ends"));
      await Promise.resolve();
    }
    await using operations = await open();
    expect(operations.get(name).done).toBe(false);
  });

  it("can be taken up after a restart, with a cancel that was asked for before", async () => {
    const id = crypto.randomUUID();
    {
      await using operations = await open();
      await operations.start({ ...begin, id, verb: "migrate" }, () => new Promise(() => undefined));
      await operations.cancel(id);
    }
    await using operations = await open();
    let wasCancelled: boolean | undefined;
    await operations.adopt({ ...begin, id, verb: "migrate" }, async (op) => {
      wasCancelled = op.signal.aborted;
      return response;
    });
    expect(await operations.abandonRest(new Set([id]))).toBe(0);
    expect((await operations.wait(`operations/${id}`, undefined, never)).result?.$case).toBe("response");
    expect(wasCancelled).toBe(true);
  });

  it("are forgotten from the oldest finished one on", async () => {
    await using operations = await open(2);
    const running = await operations.start(begin, () => new Promise(() => undefined));
    for (let i = 0; i < 3; i++) {
      const { name } = await operations.start({ ...begin, verb: `v${i}` }, async () => response);
      await operations.wait(name, undefined, never);
    }
    expect(operations.list().map((o) => o.metadata.verb)).toEqual(["v2", "shutdown"]);
    expect(operations.get(running.name).done).toBe(false);
  });

  it("that are not known are said so", async () => {
    await using operations = await open();
    expect(() => operations.get("operations/x")).toThrow(
      expect.objectContaining({ reason: "OPERATION_NOT_FOUND" }),
    );
  });
});
