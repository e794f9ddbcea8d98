import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Call, ownCall } from "@virtmesh/core/call";
import type { DeviceFacet } from "@virtmesh/core/driver/devices";
import type { ResourceFacet } from "@virtmesh/core/driver/resources";
import { VirtError } from "@virtmesh/core/errors";
import { GuestShell } from "./guest-shell.ts";
import { failure, guestXml, QemuHostFixture } from "./support.ts";

jest.setTimeout(180_000);

/** A call of somebody; each test has its own time. */
let call: Call = ownCall();
beforeEach(() => {
  call = soon(60_000);
});

const LIVE = { live: true, config: false };
const BOTH = { live: true, config: true };

function devicesOf(host: QemuHostFixture): Required<DeviceFacet> {
  return host.driver.devices as Required<DeviceFacet>;
}

function resourcesOf(host: QemuHostFixture): Required<ResourceFacet> {
  return host.driver.resources as Required<ResourceFacet>;
}

async function image(host: QemuHostFixture, name: string, mib = 4): Promise<string> {
  const path = join(host.dir, name);
  await writeFile(path, name);
  await truncate(path, mib << 20);
  return path;
}

async function disk(host: QemuHostFixture, target: string): Promise<string> {
  const path = await image(host, `${target}.img`);
  return `<disk type='file'><driver name='qemu' type='raw'/><source file='${path}'/><target dev='${target}' bus='virtio'/></disk>`;
}

/** A call that ends soon, as one of the chassis does. */
function soon(ms: number): Call {
  const stop = new AbortController();
  setTimeout(() => stop.abort(new VirtError("DEADLINE", "time is up")), ms).unref();
  return { ...ownCall(stop.signal), actor: "tester" };
}

function said(host: QemuHostFixture): string[] {
  return host.events.flatMap(({ body }) => (body.kind === "device" ? [`${body.type} ${body.device}`] : []));
}

describe.each(["q35", "pc"])("a guest that runs on a %s", (machine) => {
  it("sees a disk that is plugged in, and lets go of it", async () => {
    await using host = await QemuHostFixture.open();
    await using shell = await GuestShell.boot(host, { machine });
    const devices = devicesOf(host);
    const info = await devices.attach(shell.uuid, await disk(host, "vdb"), BOTH, call);
    expect(info).toMatchObject({ updated: false, disks: [expect.objectContaining({ target: "vdb" })] });
    await shell.untilRun("ls /sys/block", "^vd");
    expect(await shell.run("head -c 7 /dev/vd?")).toBe("vdb.img");
    const after = await devices.detach(shell.uuid, { kind: "target", target: "vdb" }, LIVE, call);
    expect(after).toMatchObject({ updated: true, disks: [] });
    expect(await shell.run("ls /sys/block | grep -c ^vd")).toBe("0");
    // Nothing of it is left in QEMU: another disk of that name comes in its place.
    await devices.attach(shell.uuid, await disk(host, "vdb"), LIVE, call);
    expect(said(host)).toEqual(["added disk-vdb", "removed disk-vdb", "added disk-vdb"]);
  });
});

describe("a guest that runs", () => {
  it("takes network cards, whose links go up and down", async () => {
    await using host = await QemuHostFixture.open();
    await using shell = await GuestShell.boot(host, {});
    const devices = devicesOf(host);
    const mac = "52:54:00:00:00:01";
    const nic = (more = "") =>
      `<interface type='user'><mac address='${mac}'/><model type='virtio'/>${more}</interface>`;
    await devices.attach(shell.uuid, nic(), LIVE, call);
    await shell.untilRun("cat /sys/class/net/eth*/address", mac);
    await shell.run("ip link set eth0 up");
    await shell.untilRun("cat /sys/class/net/eth0/carrier", "1");
    await devices.update(shell.uuid, nic("<link state='down'/>"), { ...LIVE, force: false }, call);
    await shell.untilRun("cat /sys/class/net/eth0/carrier", "0");
    expect(
      (await failure(devices.update(shell.uuid, nic("<mtu size='1400'/>"), { ...LIVE, force: false }, call)))
        .message,
    ).toContain("mtu of interface");
    await devices.detach(shell.uuid, { kind: "target", target: mac }, LIVE, call);
    expect(await shell.run("ls /sys/class/net")).toBe("lo");
  });

  it("changes what lies in its drive", async () => {
    await using host = await QemuHostFixture.open();
    const drive = "<disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>";
    const uuid = await host.define(guestXml("web", drive));
    await host.domains.start(uuid, { paused: true }, call);
    const devices = devicesOf(host);
    const medium = (path: string) =>
      `<disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='${path}'/><target dev='sda' bus='sata'/><readonly/></disk>`;
    const [one, two] = [await image(host, "one.iso"), await image(host, "two.iso")];
    const source = () => host.domains.find("web")?.disks[0]?.source;
    for (const path of [one, two]) {
      await devices.update(uuid, medium(path), { ...LIVE, force: false }, call);
      expect(source()).toBe(path);
    }
    const gone = await failure(devices.update(uuid, medium("/nowhere.iso"), { ...LIVE, force: false }, call));
    expect(gone.reason).toBe("FILE_NOT_FOUND");
    expect(source()).toBe(two);
    await devices.update(uuid, drive, { ...LIVE, force: false }, call);
    expect(source()).toBe("");
  });

  it("is limited in its speed at once", async () => {
    await using host = await QemuHostFixture.open();
    await using shell = await GuestShell.boot(host, {});
    const devices = devicesOf(host);
    const xml = await disk(host, "vdb");
    await devices.attach(shell.uuid, xml, LIVE, call);
    const limited = xml.replace("</disk>", "<iotune><total_iops_sec>50</total_iops_sec></iotune></disk>");
    await devices.update(shell.uuid, limited, { ...LIVE, force: false }, call);
    expect(
      await host.domains.xml(shell.uuid, { inactive: false, secure: false, migratable: false }, call),
    ).toContain("<total_iops_sec>50</total_iops_sec>");
    await devices.update(shell.uuid, xml, { ...LIVE, force: false }, call);
    expect(
      await host.domains.xml(shell.uuid, { inactive: false, secure: false, migratable: false }, call),
    ).not.toContain("iotune");
  });

  it("gets and gives up CPUs", async () => {
    await using host = await QemuHostFixture.open();
    await using shell = await GuestShell.boot(host, {}, (xml) =>
      xml.replace("<vcpu>1<", "<vcpu current='1'>3<"),
    );
    const resources = resourcesOf(host);
    expect(await resources.setVcpus(shell.uuid, 3, LIVE, call)).toMatchObject({ vcpus: 3 });
    await shell.untilRun("cat /sys/devices/system/cpu/present", "0-2");
    expect(await resources.setVcpus(shell.uuid, 1, LIVE, call)).toMatchObject({ vcpus: 1 });
    expect(await shell.run("cat /sys/devices/system/cpu/present")).toBe("0");
    expect((await failure(resources.setVcpus(shell.uuid, 4, LIVE, call))).reason).toBe("INVALID_FIELD");
  });

  it("gives memory back and takes it again through its balloon", async () => {
    await using host = await QemuHostFixture.open();
    await using shell = await GuestShell.boot(host, {
      memoryMiB: 192,
      devices: "<memballoon model='virtio'/>",
    });
    const resources = resourcesOf(host);
    const mib = (n: number) => BigInt(n) << 20n;
    expect(await resources.setMemory(shell.uuid, mib(160), LIVE, call)).toMatchObject({
      memoryBytes: mib(160),
    });
    expect(host.told()).toContain("resource");
    expect(await resources.setMemory(shell.uuid, mib(192), LIVE, call)).toMatchObject({
      memoryBytes: mib(192),
    });
  });

  it("takes what else there is", async () => {
    await using host = await QemuHostFixture.open();
    await using shell = await GuestShell.boot(host, {
      machine: "pc",
      devices: "<controller type='usb' model='qemu-xhci'/><controller type='virtio-serial' index='0'/>",
    });
    const devices = devicesOf(host);
    const all = [
      "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>",
      "<input type='tablet' bus='usb'/>",
      "<channel type='unix'><target type='virtio' name='org.example.0'/></channel>",
      "<controller type='scsi' index='0' model='virtio-scsi'/>",
      "<serial type='null'><target type='usb-serial'/></serial>",
      "<watchdog model='i6300esb' action='reset'/>",
    ];
    for (const xml of all) await devices.attach(shell.uuid, xml, LIVE, call);
    const aliases = ["rng0", "channel0", "scsi0", "serial1", "watchdog0"];
    expect(said(host)).toEqual(expect.arrayContaining(aliases.map((alias) => `added ${alias}`)));
    for (const alias of ["rng0", "channel0"])
      await devices.detach(shell.uuid, { kind: "alias", alias }, LIVE, call);
    expect(
      await host.domains.xml(shell.uuid, { inactive: false, secure: false, migratable: false }, call),
    ).not.toMatch(/alias name='(rng0|channel0)'/);
    expect(said(host)).toContain("removed rng0");
  });
});

describe("a device that cannot be plugged in", () => {
  it("leaves nothing behind", async () => {
    await using host = await QemuHostFixture.open();
    const uuid = await host.define(guestXml("web"));
    await host.domains.start(uuid, { paused: true }, call);
    const devices = devicesOf(host);
    const before = host.domains.find("web");
    const path = await image(host, "bad.qcow2");
    const bad = `<disk type='file'><driver name='qemu' type='vmdk'/><source file='${path}'/><target dev='vdb' bus='virtio'/></disk>`;
    await failure(devices.attach(uuid, bad, BOTH, call));
    expect(host.domains.find("web")).toEqual(before);
    expect((await host.statuses())[0]).not.toHaveProperty("change");
    await devices.attach(uuid, await disk(host, "vdb"), BOTH, call);
  });

  it("is told that there is no port for it", async () => {
    await using host = await QemuHostFixture.open();
    const uuid = await host.define(guestXml("web"));
    await host.domains.start(uuid, { paused: true }, call);
    const devices = devicesOf(host);
    const targets = ["vda", "vdb", "vdc", "vdd", "vde", "vdf", "vdg"];
    const fill = async () => {
      for (const target of targets) await devices.attach(uuid, await disk(host, target), LIVE, call);
    };
    expect(await failure(fill())).toMatchObject({
      reason: "NO_FREE_SLOT",
      message: expect.stringContaining("pcie-root-port"),
    });
  });
});

describe("a guest that does not let go", () => {
  it("keeps its device when time is up, and what it does later is heard", async () => {
    await using host = await QemuHostFixture.open();
    await using shell = await GuestShell.boot(host, {});
    const devices = devicesOf(host);
    await devices.attach(shell.uuid, await disk(host, "vdb"), LIVE, call);
    await host.domains.suspend(shell.uuid, call);
    const late = await failure(
      devices.detach(shell.uuid, { kind: "target", target: "vdb" }, LIVE, soon(300)),
    );
    expect(late).toMatchObject({ reason: "DEADLINE", message: expect.stringContaining("disk vdb") });
    expect(host.domains.find("web")?.disks).toHaveLength(1);
    host.events.length = 0;
    await host.domains.resume(shell.uuid, call);
    await host.until("device");
    expect(said(host)).toEqual(["removed disk-vdb"]);
    expect(host.domains.find("web")?.disks).toEqual([]);
    await devices.attach(shell.uuid, await disk(host, "vdb"), LIVE, call);
  });

  it("may refuse, and says so", async () => {
    await using host = await QemuHostFixture.open();
    await using shell = await GuestShell.boot(
      host,
      { words: ["memhp_default_state=online_movable"] },
      (xml) =>
        xml
          .replace("<memory unit", "<maxMemory slots='2' unit='MiB'>512</maxMemory><memory unit")
          .replace(
            "<devices>",
            "<cpu><numa><cell id='0' cpus='0' memory='128' unit='MiB'/></numa></cpu><devices>",
          ),
    );
    const devices = devicesOf(host);
    const dimm = "<memory model='dimm'><target><size unit='MiB'>128</size><node>0</node></target></memory>";
    const info = await devices.attach(shell.uuid, dimm, LIVE, call);
    expect(info.maxMemoryBytes).toBe(256n << 20n);
    await shell.untilRun("awk '/MemTotal/{print ($2>150000)}' /proc/meminfo", "1");
    await shell.run("echo 0 > /sys/firmware/acpi/hotplug/memory/enabled");
    expect(
      await failure(devices.detach(shell.uuid, { kind: "alias", alias: "dimm0" }, LIVE, call)),
    ).toMatchObject({
      reason: "GUEST_REFUSED",
    });
    expect(said(host)).toEqual(["added dimm0", "removalFailed dimm0"]);
    await shell.run("echo 1 > /sys/firmware/acpi/hotplug/memory/enabled");
    const after = await devices.detach(shell.uuid, { kind: "alias", alias: "dimm0" }, LIVE, call);
    expect(after.maxMemoryBytes).toBe(128n << 20n);
  });
});
