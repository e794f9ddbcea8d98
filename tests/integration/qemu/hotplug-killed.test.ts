import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ownCall } from "@virtmesh/core/call";
import type { DeviceFacet } from "@virtmesh/core/driver/devices";
import { VirtError } from "@virtmesh/core/errors";
import { QmpConnection } from "@virtmesh/qemu-agent/qmp/connection";
import type { InstanceStatus } from "@virtmesh/qemu-agent/state/instance-status";
import { failure, guestXml, QemuHostFixture } from "./support.ts";

jest.setTimeout(120_000);

const call = ownCall();
const LIVE = { live: true, config: false };
const BOTH = { live: true, config: true };

async function running(host: QemuHostFixture) {
  const uuid = await host.define(guestXml("web"));
  await host.domains.start(uuid, { paused: true }, call);
  return uuid;
}

async function disk(host: QemuHostFixture): Promise<string> {
  const path = join(host.dir, "vdb.img");
  await writeFile(path, "");
  await truncate(path, 1 << 20);
  return `<disk type='file'><driver name='qemu' type='raw'/><source file='${path}'/><target dev='vdb' bus='virtio'/></disk>`;
}

function devicesOf(host: QemuHostFixture): Required<DeviceFacet> {
  return host.driver.devices as Required<DeviceFacet>;
}

/** What an agent that is killed leaves: its last status, and a QEMU that has done the commands it had got. */
async function leftBehind(
  host: QemuHostFixture,
  edit: (status: InstanceStatus) => InstanceStatus,
  act: (qmp: QmpConnection) => Promise<unknown>,
): Promise<void> {
  const [status] = await host.statuses();
  if (status === undefined) throw new Error("no guest runs");
  await host.stop();
  const dir = join(host.dir, "run", "qemu", status.uuid);
  await writeFile(join(dir, "status.json"), JSON.stringify(edit(status)));
  using qmp = await QmpConnection.open({ path: join(dir, "qmp.sock") });
  await act(qmp);
}

async function nodes(host: QemuHostFixture): Promise<string[]> {
  const [status] = await host.statuses();
  await host.stop();
  using qmp = await QmpConnection.open({
    path: join(host.dir, "run", "qemu", status?.uuid ?? "", "qmp.sock"),
  });
  const all = await qmp.execute("query-named-block-nodes", { flat: true });
  return all.flatMap((node) =>
    node["node-name"]?.startsWith("disk-vdb") === true ? [node["node-name"]] : [],
  );
}

/** The status as it is in the middle of attaching that disk: attached once, and then wound back. */
async function inTheMiddle(host: QemuHostFixture): Promise<{
  readonly before: InstanceStatus;
  readonly middle: InstanceStatus;
}> {
  const uuid = await running(host);
  const [before] = await host.statuses();
  await devicesOf(host).attach(uuid, await disk(host), BOTH, call);
  const [after] = await host.statuses();
  if (before === undefined || after === undefined) throw new Error("no guest runs");
  const persistentXml = await host.domains.xml(
    uuid,
    { inactive: true, secure: true, migratable: false },
    call,
  );
  return {
    before,
    middle: { ...before, change: { kind: "attach", xml: after.xml, persistentXml, taps: {} } },
  };
}

describe("an agent that is killed while it attaches a device", () => {
  it("is followed by one that finishes what was done whole", async () => {
    await using host = await QemuHostFixture.open();
    const { middle } = await inTheMiddle(host);
    await leftBehind(
      host,
      () => middle,
      async () => undefined,
    );
    host.events.length = 0;
    await host.start();
    expect(host.domains.find("web")).toMatchObject({ disks: [expect.objectContaining({ target: "vdb" })] });
    expect(host.told()).toContain("device*");
    expect((await host.statuses())[0]).not.toHaveProperty("change");
  });

  it("is followed by one that takes away what was half done", async () => {
    await using host = await QemuHostFixture.open();
    const uuid = await running(host);
    const { path } = { path: join(host.dir, "vdb.img") };
    const device = await disk(host);
    const other = await QemuHostFixture.open();
    const { middle } = await inTheMiddle(other);
    await other[Symbol.asyncDispose]();
    const [status] = await host.statuses();
    if (status === undefined) throw new Error("no guest runs");
    // The same change, of this guest.
    const xml = (middle.change?.xml ?? "")
      .replaceAll(middle.uuid, status.uuid)
      .replaceAll(join(other.dir, "vdb.img"), path);
    await leftBehind(
      host,
      (s) => ({ ...s, change: { kind: "attach", xml, taps: {} } }),
      (qmp) =>
        qmp.execute("blockdev-add", {
          ...{ driver: "file", filename: path, "node-name": "disk-vdb-storage" },
        }),
    );
    await host.start();
    expect(host.domains.find("web")?.disks).toEqual([]);
    expect(await nodes(host)).toEqual([]);
    await host.start();
    await devicesOf(host).attach(uuid, device, LIVE, call);
  });
});

describe("an agent that is killed while a guest lets go of a device", () => {
  it("is followed by one that hears it when the guest does", async () => {
    await using host = await QemuHostFixture.open();
    const uuid = await running(host);
    await devicesOf(host).attach(uuid, await disk(host), BOTH, call);
    const stop = new AbortController();
    const detaching = failure(
      devicesOf(host).detach(uuid, { kind: "target", target: "vdb" }, BOTH, ownCall(stop.signal)),
    );
    const [asked] = await host.statuses();
    await host.stop();
    stop.abort(new VirtError("CANCELLED", "the agent ends"));
    await detaching;
    expect(asked).toBeDefined();
    await host.start();
    expect(host.domains.find("web")).toMatchObject({ disks: [expect.objectContaining({ target: "vdb" })] });
    expect((await host.statuses())[0]).not.toHaveProperty("change");
  });

  it("is followed by one that finds the device gone", async () => {
    await using host = await QemuHostFixture.open();
    const uuid = await host.define(
      guestXml("web", "<controller type='virtio-serial' index='0'/>").replace(
        "machine='q35'",
        "machine='pc'",
      ),
    );
    await host.domains.start(uuid, { paused: true }, call);
    const channel = "<channel type='unix'><target type='virtio' name='org.example.0'/></channel>";
    await devicesOf(host).attach(uuid, channel, LIVE, call);
    await leftBehind(
      host,
      (status) => status,
      (qmp) => qmp.execute("device_del", { id: "channel0" }),
    );
    host.events.length = 0;
    await host.start();
    await host.until("device*");
    await devicesOf(host).attach(uuid, channel, LIVE, call);
  });
});
