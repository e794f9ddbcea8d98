import { mkdir, readFile, readlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { call, failure, guestXml, QemuHostFixture } from "./support.ts";

jest.setTimeout(120_000);

const disk = (path: string, type = "raw") =>
  `<disk type='file' device='disk'><driver name='qemu' type='${type}'/><source file='${path}'/><target dev='vda' bus='virtio'/></disk>`;

describe("the life of a QEMU guest", () => {
  it("is told in order, with who asked", async () => {
    await using host = await QemuHostFixture.open();
    const { domains } = host;
    const uuid = await host.define(guestXml("web"));
    expect(domains.find("web")).toMatchObject({ state: "shutoff", persistent: true, id: 0 });
    expect(await domains.start(uuid, { paused: false }, call)).toMatchObject({
      state: "running",
      stateReason: "booted",
      updated: false,
      id: 1,
    });
    expect(await domains.suspend(uuid, call)).toMatchObject({ state: "paused", stateReason: "user" });
    expect(await domains.resume(uuid, call)).toMatchObject({ state: "running", stateReason: "unpaused" });
    await domains.reset(uuid, call);
    expect(await domains.destroy(uuid, call)).toMatchObject({
      state: "shutoff",
      stateReason: "destroyed",
      id: 0,
    });
    await domains.undefine(uuid, call);
    expect(domains.find("web")).toBeUndefined();
    expect(host.told()).toEqual([
      "defined added",
      "started booted",
      "suspended paused",
      "resumed unpaused",
      "rebooted host",
      "stopped destroyed",
      "undefined removed",
    ]);
    expect(new Set(host.events.map((e) => e.actor))).toEqual(new Set(["tester"]));
    expect(await host.statuses()).toEqual([]);
  });

  it("can begin paused", async () => {
    await using host = await QemuHostFixture.open();
    const uuid = await host.define(guestXml("web"));
    expect(await host.domains.start(uuid, { paused: true }, call)).toMatchObject({
      state: "paused",
      stateReason: "user",
    });
    expect(await host.domains.resume(uuid, call)).toMatchObject({ state: "running" });
    expect(host.told().slice(1)).toEqual(["started booted", "suspended paused", "resumed unpaused"]);
  });

  it("runs on those CPUs of the host that it names", async () => {
    await using host = await QemuHostFixture.open();
    const xml = guestXml("pinned", "", "<vcpu cpuset='0,^1'>1</vcpu>");
    const uuid = await host.define(xml);
    await host.domains.start(uuid, { paused: true }, call);
    const pid = await host.pid();
    expect(await readFile(`/proc/${pid}/status`, "utf8")).toMatch(/^Cpus_allowed_list:\s+0$/m);
    expect(await readlink(`/proc/${pid}/exe`)).toMatch(/qemu-system-x86_64$/);
    await host.domains.destroy(uuid, call);
  });

  it("ends with its run when it is transient", async () => {
    await using host = await QemuHostFixture.open();
    const { uuid, persistent } = await host.domains.create(
      host.domains.parse(guestXml("once")),
      { paused: true },
      call,
    );
    expect(persistent).toBe(false);
    await host.domains.destroy(uuid, call);
    expect(host.domains.list()).toEqual([]);
  });

  it("goes on as a transient one when it is undefined while it runs", async () => {
    await using host = await QemuHostFixture.open();
    const uuid = await host.define(guestXml("web"));
    await host.domains.start(uuid, { paused: true }, call);
    await host.domains.undefine(uuid, call);
    expect(host.domains.find("web")).toMatchObject({ persistent: false, state: "paused" });
  });

  it("shows that its next start will be another one", async () => {
    await using host = await QemuHostFixture.open();
    const uuid = await host.define(guestXml("web"));
    await host.domains.start(uuid, { paused: true }, call);
    const xml = await host.domains.xml(uuid, { inactive: true, secure: true, migratable: false }, call);
    await host.define(xml.replace("32768", "65536").replace("32768", "65536"));
    expect(host.domains.find("web")).toMatchObject({ updated: true });
  });

  it("cannot be begun twice, nor ended when it does not run", async () => {
    await using host = await QemuHostFixture.open();
    const uuid = await host.define(guestXml("web"));
    expect((await failure(host.domains.destroy(uuid, call))).reason).toBe("DOMAIN_NOT_RUNNING");
    await host.domains.start(uuid, { paused: true }, call);
    expect((await failure(host.domains.start(uuid, { paused: true }, call))).reason).toBe("DOMAIN_RUNNING");
  });

  it("ends with a note when QEMU is killed", async () => {
    await using host = await QemuHostFixture.open();
    const uuid = await host.define(guestXml("web"));
    await host.domains.start(uuid, { paused: true }, call);
    process.kill(await host.pid(), "SIGKILL");
    await host.until("stopped crashed");
    expect(host.domains.find("web")).toMatchObject({ state: "shutoff", stateReason: "crashed" });
    await host.domains.start(uuid, { paused: true }, call);
  });

  it("has no name that another guest has", async () => {
    await using host = await QemuHostFixture.open();
    await host.define(guestXml("web"));
    const e = await failure(host.define(guestXml("web")));
    expect(e.reason).toBe("DOMAIN_EXISTS");
    expect(e.message).toContain('"web"');
  });
});

describe("a start that cannot be", () => {
  it.each([
    ["an image that is missing", "none.img", "raw", "FILE_NOT_FOUND"],
    ["a directory as image", "folder", "raw", "CONFIG_UNSUPPORTED"],
    ["an image that is not qcow2", "raw.img", "qcow2", "CONFIG_UNSUPPORTED"],
  ])("names guest, disk and path for %s", async (_, file, format, reason) => {
    await using host = await QemuHostFixture.open();
    await mkdir(join(host.dir, "folder"));
    await writeFile(join(host.dir, "raw.img"), Buffer.alloc(1 << 20));
    const path = join(host.dir, file);
    const uuid = await host.define(guestXml("web", disk(path, format)));
    const e = await failure(host.domains.start(uuid, { paused: true }, call));
    expect(e.reason).toBe(reason);
    for (const part of ["vda", '"web"', path]) expect(e.message).toContain(part);
    expect(host.domains.find("web")?.state).toBe("shutoff");
    expect(host.told()).toEqual(["defined added"]);
  });

  it("is refused for an image that another guest writes to", async () => {
    await using host = await QemuHostFixture.open();
    const path = join(host.dir, "raw.img");
    await writeFile(path, Buffer.alloc(1 << 20));
    await host.domains.start(await host.define(guestXml("one", disk(path))), { paused: true }, call);
    const two = await host.define(guestXml("two", disk(path)));
    const e = await failure(host.domains.start(two, { paused: true }, call));
    expect(e.reason).toBe("DISK_IN_USE");
    expect(e.message).toContain('"one"');
  });

  it("is refused for an image that a process beside the agent holds", async () => {
    await using host = await QemuHostFixture.open();
    await using other = await QemuHostFixture.open();
    const path = join(host.dir, "raw.img");
    await writeFile(path, Buffer.alloc(1 << 20));
    await other.domains.start(await other.define(guestXml("away", disk(path))), { paused: true }, call);
    const uuid = await host.define(guestXml("web", disk(path)));
    const e = await failure(host.domains.start(uuid, { paused: true }, call));
    expect(e.reason).toBe("DISK_IN_USE");
    for (const part of ["vda", path, "lock"]) expect(e.message).toContain(part);
    expect(host.domains.find("web")?.stateReason).toBe("unknown");
  });

  it("is refused for a guest of type kvm where KVM does not work, with the remedy", async () => {
    await using host = await QemuHostFixture.open();
    if (host.driver.host.info().accelerators.includes("kvm")) return;
    const uuid = await host.define(guestXml("web").replace("'qemu'", "'kvm'"));
    const e = await failure(host.domains.start(uuid, { paused: true }, call));
    expect(e.reason).toBe("CONFIG_UNSUPPORTED");
    expect(e.message).toContain("--allow-tcg-for-kvm");
    expect(host.driver.host.info().notes[0]).toContain("KVM is not used");
  });
});

describe("ports of screens", () => {
  it("are chosen so that no two guests, nor anybody else, have the same", async () => {
    const other = createServer().listen(15950, "127.0.0.1");
    await using host = await QemuHostFixture.open({ vncPorts: { first: 15950, last: 15953 } });
    const vnc = "<graphics type='vnc' autoport='yes'/><video><model type='vga'/></video>";
    const uuids = await Promise.all(["a", "b"].map((name) => host.define(guestXml(name, vnc))));
    await Promise.all(uuids.map((uuid) => host.domains.start(uuid, { paused: true }, call)));
    const ports = host.domains.list().map((d) => d.graphics[0]?.port);
    expect(new Set(ports)).toEqual(new Set([15951, 15952]));
    other.close();
  });
});
