import { randomUUID } from "node:crypto";
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import {
  AttachDeviceRequest,
  DetachDeviceRequest,
  DeviceServiceService,
} from "@virtmesh/api/gen/virtmesh/v1/device";
import { OperationServiceService } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { fromRpcStatus } from "@virtmesh/kit/status";
import { run } from "@virtmesh/lab/process";
import { refusal } from "./guests.ts";
import { MovingDisk } from "./moving-disk.ts";
import { GUEST, hypervisorOf, MIB, TwoHosts } from "./two-hosts.ts";

const SLOW = { bandwidthBytesPerSecond: BigInt(MIB / 2) };
/** QEMU keeps to a limit by bursts of 16 MiB, the buffer of a mirror, with pauses between them: here of two seconds. */
const STEADY = { bandwidthBytesPerSecond: BigInt(8 * MIB) };

describe("a disk of a running guest, moved to other storage of its host", () => {
  let hosts: TwoHosts;
  let disk: MovingDisk;
  beforeEach(async () => {
    hosts = await TwoHosts.start();
    disk = new MovingDisk(hosts);
    await hosts.startGuest({ diskMib: 128 });
  }, 120_000);
  afterEach(() => hosts[Symbol.asyncDispose](), 60_000);

  it("is written there from the pivot on, in another format, there and back, and migrates from there", async () => {
    const moved = await disk.end(await disk.begin(disk.place("new.qcow2"), { format: "qcow2" }));
    const previousPath = disk.place("vda.raw");
    expect(moved).toMatchObject({ format: "qcow2", previousPath, previousRemoved: false });
    await disk.isAt(disk.place("new.qcow2"), "qcow2", ["new.qcow2", "vda.raw", "vdb.raw"]);
    await disk.end(await disk.begin(disk.place("again.raw"), { format: "raw", removeSource: true }));
    await disk.isAt(disk.place("again.raw"), "raw", ["again.raw", "vda.raw", "vdb.raw"]);
    await disk.end(await disk.begin(disk.place("third.raw"), { removeSource: true }));
    await hosts.end(await hosts.begin());
    await hosts.stillCounts();
    expect(await hosts.names(hosts.b)).toEqual([GUEST]);
  }, 120_000);

  it("can be unplugged where it lies then, which frees its image, and plugged in again", async () => {
    const device = DeviceServiceService;
    const about = { uri: hosts.a.uri, domain: GUEST, live: true };
    await disk.end(await disk.begin(disk.place("vdb.qcow2"), { disk: "vdb", format: "qcow2" }));
    const detach = { ...about, requestId: randomUUID(), device: { $case: "target" as const, value: "vdb" } };
    await finished(await hosts.mesh.unary(device.detachDevice, DetachDeviceRequest.fromPartial(detach)));
    // Its lock would stand in the way.
    await run(["qemu-img", "check", disk.place("vdb.qcow2")]);
    const xml = `<disk type='file'><driver name='qemu' type='qcow2'/><source file='${disk.place("vdb.qcow2")}'/><target dev='vdb' bus='virtio'/></disk>`;
    const attach = AttachDeviceRequest.fromPartial({ ...about, requestId: randomUUID(), xml });
    await finished(await hosts.mesh.unary(device.attachDevice, attach));
    await disk.end(await disk.begin(disk.place("vdb-2.raw"), { disk: "vdb", format: "raw" }));
    await hosts.stillCounts();
  }, 120_000);

  it("is refused where it would overwrite something or be lost, naming what is wrong", async () => {
    const elsewhere = disk.place("vdb.raw");
    await symlink("/nowhere/at-all", disk.place("dangling"));
    const refused = async (path: string, change = {}) => {
      const { reason, message } = await disk.failure(await disk.begin(path, change));
      return `${reason} ${message.replaceAll(hosts.a.imageDir, "")}`;
    };
    expect({
      image: await refused(elsewhere),
      itself: await refused(disk.place("vda.raw")),
      dangling: await refused(disk.place("dangling")),
      relative: await refused("new.raw"),
      folder: await refused(disk.place("no-such-folder/new.raw")),
      dots: await refused(`${hosts.a.imageDir}/x/../new.raw`),
      newline: await refused(disk.place("a\nb")),
      format: await refused(disk.place("new.vmdk"), { format: "vmdk" }),
      disk: await refused(disk.place("new.raw"), { disk: "vdz" }),
    }).toEqual({
      image: "ALREADY_EXISTS /vdb.raw exists already and is not overwritten; give another path",
      itself: "ALREADY_EXISTS disk vda lies at /vda.raw already; give another path",
      dangling: "ALREADY_EXISTS /dangling exists already and is not overwritten; give another path",
      relative: 'INVALID_FIELD path: "new.raw" is no absolute path',
      folder: "INVALID_FIELD path: the folder /no-such-folder does not exist; make it first",
      dots: 'INVALID_FIELD path: "/x/../new.raw" is no plain path of a file; give it as /new.raw',
      newline: String.raw`INVALID_FIELD path: "/a\nb" has control characters`,
      format: "INVALID_FIELD format: images of the format vmdk cannot be made, only raw and qcow2",
      disk: 'DEVICE_NOT_FOUND guest "mover" has no disk "vdz"',
    });
    await disk.isAt(disk.place("vda.raw"), "raw", ["dangling", "vda.raw", "vdb.raw"]);
  }, 120_000);

  it("keeps the guest for itself meanwhile, shows how far it is, and is cancelled like any operation", async () => {
    await disk.fill("vdb");
    const name = await disk.begin(disk.place("new.raw"), { disk: "vdb", ...STEADY });
    const { uri } = hosts.a;
    const attach = AttachDeviceRequest.fromPartial({
      uri,
      domain: GUEST,
      live: true,
      xml: "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>",
    });
    for (const other of [
      disk.begin(disk.place("other.raw")),
      hosts.begin(),
      hosts.mesh.unary(DeviceServiceService.attachDevice, attach),
      disk.guests.suspend(GUEST),
    ]) {
      const e = await refusal(other);
      expect(e.reason).toBe("DOMAIN_BUSY");
      expect(e.message).toContain(
        `is held by the change "move-disk" (${name}), wait for ${name} or cancel it`,
      );
    }
    const seen: bigint[] = [];
    await disk.comesTo(name, ({ copiedBytes, totalBytes }) => {
      expect(totalBytes).toBeGreaterThanOrEqual(copiedBytes);
      seen.push(copiedBytes);
      return new Set(seen).size === 4;
    });
    expect(seen).toEqual(seen.toSorted((a, b) => Number(a - b)));
    await hosts.cancel(name);
    const failed = await disk.failure(name);
    expect(failed.reason).toBe("OPERATION_ABORTED");
    expect(failed.message).toContain(`it was cancelled; it is at ${disk.place("vdb.raw")}, as before`);
    await disk.isAt(disk.place("vda.raw"), "raw", ["vda.raw", "vdb.raw"]);
  }, 120_000);

  it("stays where it was when the new place fills up", async () => {
    const small = await hosts.a.namespace?.tmpfs(MIB);
    if (small === undefined) throw new Error("the hosts are not in namespaces");
    const failed = await disk.failure(await disk.begin(join(small, "new.raw")));
    expect(failed).toMatchObject({ reason: "NO_SPACE" });
    expect(failed.message).toContain("the new image could not be written: No space left on device");
    expect((await run(["ls", small])).stdout).toBe("");
    await disk.isAt(disk.place("vda.raw"), "raw", ["vda.raw", "vdb.raw"]);
  }, 120_000);

  it("does not keep the guest from being destroyed", async () => {
    const name = await disk.begin(disk.place("new.raw"), SLOW);
    await disk.comesTo(name, ({ copiedBytes }) => copiedBytes > 0n);
    await disk.guests.destroy(GUEST);
    expect((await disk.failure(name)).message).toContain("the guest ended before it used the new image");
    await disk.wasAt(disk.place("vda.raw"), "raw", ["vda.raw", "vdb.raw"]);
  }, 120_000);

  it("stays where it was when the guest's QEMU is killed while it is copied", async () => {
    const name = await disk.begin(disk.place("new.raw"), SLOW);
    await disk.comesTo(name, ({ copiedBytes }) => copiedBytes > 0n);
    process.kill(await hypervisorOf(hosts.a), "SIGKILL");
    expect((await disk.failure(name)).message).toContain("the guest ended before it used the new image");
    await disk.wasAt(disk.place("vda.raw"), "raw", ["vda.raw", "vdb.raw"]);
  }, 120_000);

  async function finished({ name }: { readonly name: string }): Promise<void> {
    const timeout = { seconds: 50n, nanos: 0 };
    const ended = await hosts.mesh.unary(OperationServiceService.waitOperation, {
      ...{ uri: hosts.a.uri, name, timeout },
    });
    if (ended.result?.$case === "error") throw fromRpcStatus(ended.result.value);
    expect(ended.done).toBe(true);
  }
});
