import { ownCall } from "@virtmesh/core/call";
import { DOMAIN_TRAITS } from "@virtmesh/core/driver/domains";
import { FACET_METHODS, need, supportOf } from "@virtmesh/core/driver/driver";
import type { HypervisorEvent } from "@virtmesh/core/driver/events";
import { domainUuid } from "@virtmesh/core/ids";
import { createTestDriver, type TestDriver } from "./test-driver.ts";

const SEED = domainUuid("6695eb01-f6a4-8304-79aa-97f2502e193f");
const call = ownCall();

const guestXml = (name: string, faults = ""): string => `<domain type='test'>
  <name>${name}</name>
  <metadata><test:faults xmlns:test="https://virtmesh.dev/test/1">${faults}</test:faults></metadata>
  <memory unit='MiB'>64</memory>
  <os><type>hvm</type></os>
  <devices>
    <disk type='file'><source file='/guest/${name}'/><target dev='vda' bus='virtio'/></disk>
    <interface type='user'/>
    <serial type='pty'/>
  </devices>
</domain>`;

async function define(driver: TestDriver, name: string, faults = "") {
  return driver.domains.define(driver.domains.parse(guestXml(name, faults)), call);
}

function record(driver: TestDriver): string[] {
  const seen: string[] = [];
  driver.domains.subscribe((e: HypervisorEvent) => {
    if (e.body.kind === "lifecycle") seen.push(`${e.name} ${e.body.type} ${e.body.detail}`.trim());
  });
  return seen;
}

/** Resolves with the first lifecycle event of that type. */
function lifecycle(driver: TestDriver, type: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  driver.domains.subscribe((e) => {
    if (e.body.kind === "lifecycle" && e.body.type === type) resolve();
  });
  return promise;
}

describe("a disk of a test guest that moves", () => {
  it("takes its content along, and what the guest writes is on the new image from then on", async () => {
    await using driver = createTestDriver({ guests: [] });
    const { uuid } = await define(driver, "mover");
    await driver.domains.start(uuid, { paused: false }, call);
    const [from = ""] = driver.control.images();
    driver.control.write(from, 0, Buffer.from("kept"));
    const move = {
      ...{ id: crypto.randomUUID(), uuid, disk: "vda", path: "/new/vda", format: "" },
      ...{ removeSource: true, bytesPerSecond: 0n },
    };
    const { signal: cancel } = new AbortController();
    const run = { cancel, progress: () => undefined, reached: () => undefined };
    expect(await driver.diskMoves.move(move, run, call)).toMatchObject({
      previousPath: from,
      previousRemoved: true,
    });
    expect(Buffer.from(driver.control.image("/new/vda") ?? []).toString("utf8", 0, 4)).toBe("kept");
    expect(driver.control.images()).not.toContain(from);
    expect(driver.domains.find("mover")?.disks[0]?.source).toBe("/new/vda");
  });
});

describe("the test hypervisor", () => {
  it("can do everything a driver can", async () => {
    await using driver = createTestDriver();
    expect(supportOf(driver)).toHaveLength(Object.values(FACET_METHODS).flat().length + DOMAIN_TRAITS.length);
  });

  it("begins with the running guest that libvirt's own has", async () => {
    await using driver = createTestDriver();
    expect(driver.domains.list()).toEqual([
      expect.objectContaining({
        uuid: SEED,
        name: "test",
        state: "running",
        persistent: true,
        vcpus: 2,
        id: 1,
      }),
    ]);
    expect(driver.domains.find("6695EB01F6A4830479AA97F2502E193F")?.name).toBe("test");
  });

  it("tells every step of a guest's life in libvirt's words", async () => {
    await using driver = createTestDriver({ guests: [] });
    const seen = record(driver);
    const { uuid } = await define(driver, "web");
    await driver.domains.start(uuid, { paused: false }, call);
    await driver.domains.suspend?.(uuid, call);
    await driver.domains.resume?.(uuid, call);
    await driver.domains.reset?.(uuid, call);
    await driver.domains.destroy(uuid, call);
    await driver.domains.undefine(uuid, call);
    expect(seen).toEqual([
      "web defined added",
      "web started booted",
      "web suspended paused",
      "web resumed unpaused",
      "web rebooted",
      "web stopped destroyed",
      "web undefined removed",
    ]);
  });

  it("forgets a transient guest when it stops", async () => {
    await using driver = createTestDriver({ guests: [] });
    const info = await need(driver, "domains", "create")(
      driver.domains.parse(guestXml("job")),
      { paused: true },
      call,
    );
    expect(info).toMatchObject({ state: "paused", persistent: false });
    await driver.domains.destroy(info.uuid, call);
    expect(driver.domains.list()).toEqual([]);
  });

  it("keeps name and UUID unique", async () => {
    await using driver = createTestDriver();
    await expect(define(driver, "test")).rejects.toMatchObject({ reason: "DOMAIN_EXISTS" });
  });

  it("refuses guests of other hypervisors", async () => {
    await using driver = createTestDriver();
    const xml = guestXml("web").replace("type='test'", "type='kvm'");
    expect(() => driver.domains.parse(xml)).toThrow('is of the type "kvm"');
  });

  it("gives back the definition it took, with what it added", async () => {
    await using driver = createTestDriver({ guests: [] });
    const { uuid } = await define(driver, "web");
    const xml = await driver.domains.xml(uuid, { inactive: true, secure: false, migratable: false }, call);
    expect(xml).toContain("<name>web</name>");
    expect(xml).toMatch(/<mac address=['"]52:54:00:/);
    const again = driver.domains.parse(xml);
    expect(again.uuid).toBe(uuid);
    expect((await driver.domains.define(again, call)).etag).toBe(driver.domains.find("web")?.etag);
  });

  it("has statistics that move while a guest runs, and stand still while it is paused", async () => {
    await using driver = createTestDriver();
    const cpu = () => driver.domains.stats([SEED])[0]?.cpuTimeNs ?? 0n;
    const before = cpu();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(cpu()).toBeGreaterThan(before);
    await driver.domains.suspend?.(SEED, call);
    const paused = cpu();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(cpu()).toBe(paused);
  });

  it("says back on the console what it hears, to one at a time", async () => {
    await using driver = createTestDriver();
    const first = await driver.domains.openConsole?.(SEED, { device: "", force: false }, call);
    await expect(
      driver.domains.openConsole?.(SEED, { device: "", force: false }, call),
    ).rejects.toMatchObject({
      reason: "CONSOLE_BUSY",
    });
    const second = await driver.domains.openConsole?.(SEED, { device: "", force: true }, call);
    expect(await readAll(first?.output)).toBe("test console\r\n");
    await second?.write(Buffer.from("uname\n"));
    await driver.domains.destroy(SEED, call);
    expect(await readAll(second?.output)).toBe("test console\r\nuname\n");
  });

  it("takes pictures that are PNG files", async () => {
    await using driver = createTestDriver();
    const shot = await driver.domains.screenshot?.(SEED, 0, call);
    expect(shot?.mimeType).toBe("image/png");
    const data = Buffer.from(await readAll(shot?.data, "latin1"), "latin1");
    expect(data.subarray(1, 4).toString()).toBe("PNG");
    expect(data.subarray(-8, -4).toString()).toBe("IEND");
  });
});

describe("the faults of a test guest", () => {
  it("fail a method as often as they say, with the reason they say", async () => {
    await using driver = createTestDriver({ guests: [] });
    const faults = `<test:fail method="start" reason="NO_SPACE" message="no memory left" times="1"/>`;
    const { uuid } = await define(driver, "web", faults);
    const start = () => driver.domains.start(uuid, { paused: false }, call);
    await expect(start()).rejects.toMatchObject({ reason: "NO_SPACE", message: "no memory left" });
    await expect(start()).resolves.toMatchObject({ state: "running" });
    await driver.domains.destroy(uuid, call);
    await expect(start()).resolves.toMatchObject({ state: "running" });
  });

  it("fail the creation of a transient guest that often too", async () => {
    await using driver = createTestDriver({ guests: [] });
    const xml = guestXml("job", `<test:fail method="create" times="1"/>`).replace(
      "<memory",
      `<uuid>${SEED}</uuid><memory`,
    );
    const create = () =>
      need(driver, "domains", "create")(driver.domains.parse(xml), { paused: false }, call);
    await expect(create()).rejects.toMatchObject({ reason: "HYPERVISOR_FAILED" });
    await expect(create()).resolves.toMatchObject({ state: "running" });
  });

  it("let a guest take its time to shut down", async () => {
    await using driver = createTestDriver({ guests: [] });
    const { uuid } = await define(driver, "web", `<test:delay method="shutdown" ms="5"/>`);
    await driver.domains.start(uuid, { paused: false }, call);
    const stopped = lifecycle(driver, "stopped");
    await driver.domains.shutdown?.(uuid, call);
    expect(driver.domains.find("web")?.state).toBe("running");
    await stopped;
    expect(driver.domains.find("web")).toMatchObject({ state: "shutoff", stateReason: "shutdown" });
  });

  it("let a guest not hear its power button", async () => {
    await using driver = createTestDriver({ guests: [] });
    const { uuid } = await define(driver, "web", `<test:ignore method="shutdown"/>`);
    await driver.domains.start(uuid, { paused: false }, call);
    await driver.domains.shutdown?.(uuid, call);
    const rebooted = lifecycle(driver, "rebooted");
    await driver.domains.reboot?.(uuid, call);
    await rebooted;
    expect(driver.domains.find("web")?.state).toBe("running");
  });

  it("end a delayed call when the caller gives up", async () => {
    await using driver = createTestDriver({ guests: [] });
    const { uuid } = await define(driver, "web", `<test:delay method="start" ms="60000"/>`);
    const abort = new AbortController();
    const started = driver.domains.start(uuid, { paused: false }, ownCall(abort.signal));
    abort.abort();
    await expect(started).rejects.toMatchObject({ reason: "CANCELLED" });
    expect(driver.domains.find("web")?.state).toBe("shutoff");
  });

  it.each([
    ["<test:fial method='start'/>", "<test:fial> is no fault"],
    ["<test:fail/>", "needs the attribute method"],
    ["<test:fail method='start' reason='BOOM'/>", "is no reason of virtmesh"],
    ["<test:delay method='start' ms='soon'/>", "must be a whole number"],
    ["<test:migration disk='vda' fail='never'/>", "of a disk can be beforeReady, afterReady, conclude"],
    ["<test:migration fail='afterReady'/>", "without a disk can be"],
  ])("are refused when they are not understood: %s", async (faults, message) => {
    await using driver = createTestDriver();
    expect(() => driver.domains.parse(guestXml("web", faults))).toThrow(message);
  });
});

async function readAll(
  source: AsyncIterable<Uint8Array> | undefined,
  encoding: BufferEncoding = "utf8",
): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of source ?? []) parts.push(part);
  return Buffer.concat(parts).toString(encoding);
}
