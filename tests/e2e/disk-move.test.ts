import { randomUUID } from "node:crypto";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import { BlockJobServiceService } from "@virtmesh/api/gen/virtmesh/v1/block_job";
import { DiskMoved, DiskMoveServiceService, MoveDiskRequest } from "@virtmesh/api/gen/virtmesh/v1/disk_move";
import { DomainServiceService } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { OperationMetadata } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { VirtError } from "@virtmesh/core/errors";
import { fromRpcStatus } from "@virtmesh/kit/status";
import { verifyWritten } from "@virtmesh/lab/guest/verify";
import { run } from "@virtmesh/lab/process";
import { refusal } from "./guests.ts";
import { BLOCK_BYTES, GUEST, hypervisorOf, MIB, TwoHosts } from "./two-hosts.ts";

const SLOW = { bandwidthBytesPerSecond: BigInt(MIB / 2) };

describe("a disk of a running guest, moved to other storage of its host", () => {
  let hosts: TwoHosts;
  beforeEach(async () => {
    hosts = await TwoHosts.start();
    await hosts.startGuest();
  }, 120_000);
  afterEach(() => hosts[Symbol.asyncDispose](), 60_000);

  const place = (name: string): string => join(hosts.a.imageDir, name);

  async function begin(path: string, change: Partial<MoveDiskRequest> = {}): Promise<string> {
    const request = { uri: hosts.a.uri, requestId: randomUUID(), domain: GUEST, disk: "vda", path };
    const operation = await hosts.mesh.unary(
      DiskMoveServiceService.moveDisk,
      MoveDiskRequest.fromPartial({ ...request, ...change }),
    );
    return operation.name;
  }

  async function end(name: string): Promise<DiskMoved> {
    for await (const operation of hosts.follow(name)) {
      if (operation.result?.$case === "error") throw fromRpcStatus(operation.result.value);
      if (operation.result?.$case === "response") return DiskMoved.decode(operation.result.value.value);
    }
    throw new Error(`the stream of ${name} ended before it did`);
  }

  async function comesTo(
    name: string,
    is: (disk: NonNullable<OperationMetadata["disk"]>) => boolean,
  ): Promise<void> {
    for await (const operation of hosts.follow(name)) {
      const { disk } = metadataOf(operation);
      if (disk !== undefined && is(disk)) return;
      if (operation.done) throw new Error(`${name} was over before that`);
    }
  }

  /** Where the definitions say the disk is: what runs, and what is kept. */
  async function definedAt(): Promise<readonly (string | undefined)[]> {
    return Promise.all(
      [false, true].map(async (inactive) => {
        const { xml } = await hosts.mesh.unary(DomainServiceService.getDomainXml, {
          ...{ uri: hosts.a.uri, domain: GUEST, inactive, secure: false, migratable: false },
        });
        return /<source file=["']([^"']+)["']/.exec(xml)?.[1];
      }),
    );
  }

  /** The guest counts on and has every block it wrote on that image; no job, node, record or other image is left. */
  async function isAt(path: string, format: "raw" | "qcow2", images: readonly string[]): Promise<void> {
    await hosts.stillCounts();
    expect(await definedAt()).toEqual([path, path]);
    const { jobs } = await hosts.mesh.unary(BlockJobServiceService.listBlockJobs, {
      ...{ uri: hosts.a.uri, domain: GUEST },
    });
    expect(jobs).toEqual([]);
    expect((await readdir(hosts.a.imageDir)).toSorted()).toEqual([...images].toSorted());
    expect(await readdir(join(hosts.a.stateDir, "disk-moves")).catch(() => [])).toEqual([]);
    await hosts.suspend(hosts.a);
    const written = await verifyWritten({ path, format }, { writer: 0, blockBytes: BLOCK_BYTES });
    expect(written.problems).toEqual([]);
    await resume();
  }

  async function resume(): Promise<void> {
    await hosts.mesh.unary(DomainServiceService.resumeDomain, {
      ...{ uri: hosts.a.uri, requestId: randomUUID(), domain: GUEST },
    });
  }

  async function failure(name: string): Promise<VirtError> {
    const outcome = await end(name).catch((e: unknown) => e);
    if (VirtError.is(outcome)) return outcome;
    throw outcome instanceof Error ? outcome : new Error("the disk was moved");
  }

  it("is written there from the pivot on, in another format, there and back, and migrates from there", async () => {
    const moved = await end(await begin(place("new.qcow2"), { format: "qcow2" }));
    expect(moved).toMatchObject({ format: "qcow2", previousPath: place("vda.raw"), previousRemoved: false });
    await isAt(place("new.qcow2"), "qcow2", ["new.qcow2", "vda.raw", "vdb.raw"]);
    await end(await begin(place("again.raw"), { format: "raw", removeSource: true }));
    await isAt(place("again.raw"), "raw", ["again.raw", "vda.raw", "vdb.raw"]);
    await end(await begin(place("third.raw"), { removeSource: true }));
    await hosts.end(await hosts.begin());
    await hosts.stillCounts();
    expect(await hosts.names(hosts.b)).toEqual([GUEST]);
  }, 120_000);

  it("refuses a path that exists, a disk that does not, and a second move of the guest meanwhile", async () => {
    const there = await failure(await begin(place("vdb.raw")));
    expect(there.reason).toBe("ALREADY_EXISTS");
    expect((await failure(await begin(place("x"), { disk: "vdz" }))).reason).toBe("DEVICE_NOT_FOUND");
    const name = await begin(place("new.raw"), SLOW);
    expect((await refusal(begin(place("other.raw")))).reason).toBe("DOMAIN_BUSY");
    await hosts.cancel(name);
    expect((await failure(name)).reason).toBe("OPERATION_ABORTED");
    await isAt(place("vda.raw"), "raw", ["vda.raw", "vdb.raw"]);
  }, 120_000);

  it("stays where it was when the new place fills up", async () => {
    const small = await hosts.a.namespace?.tmpfs(MIB);
    if (small === undefined) throw new Error("the hosts are not in namespaces");
    const failed = await failure(await begin(join(small, "new.raw")));
    expect(failed).toMatchObject({ reason: "NO_SPACE" });
    expect(failed.message).toContain(`it is at ${place("vda.raw")}, as before`);
    expect((await run(["ls", small])).stdout).toBe("");
    await isAt(place("vda.raw"), "raw", ["vda.raw", "vdb.raw"]);
  }, 120_000);

  it("goes on when the agent is killed while it is copied", async () => {
    // A guest that writes faster than is copied would be copied for ever.
    await hosts.suspend(hosts.a);
    const name = await begin(place("new.raw"), SLOW);
    await comesTo(name, (disk) => !disk.ready);
    await hosts.a.agent.kill("SIGKILL");
    await hosts.a.agent.restart();
    await hosts.mesh.complete();
    await end(name);
    await resume();
    await isAt(place("new.raw"), "raw", ["new.raw", "vda.raw", "vdb.raw"]);
  }, 120_000);

  it("stays where it was when the guest's QEMU is killed while it is copied", async () => {
    const name = await begin(place("new.raw"), SLOW);
    await comesTo(name, (disk) => disk.copiedBytes > 0n);
    process.kill(await hypervisorOf(hosts.a), "SIGKILL");
    expect((await failure(name)).message).toContain("the guest ended before it used the new image");
    await expect(stat(place("new.raw"))).rejects.toMatchObject({ code: "ENOENT" });
  }, 120_000);
});

function metadataOf(operation: Operation): OperationMetadata {
  if (operation.metadata === undefined) throw new Error(`${operation.name} has no metadata`);
  return OperationMetadata.decode(operation.metadata.value);
}
