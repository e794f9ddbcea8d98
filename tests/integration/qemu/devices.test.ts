import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { ConsoleStream } from "@virtmesh/core/driver/domains";
import { call, failure, guestXml, QemuHostFixture } from "./support.ts";

jest.setTimeout(120_000);

/** Reads until the text has come. */
async function readUntil(console: ConsoleStream, text: string): Promise<string> {
  let seen = "";
  for await (const chunk of console.output) {
    seen += Buffer.from(chunk).toString("latin1");
    if (seen.includes(text)) return seen;
  }
  return seen;
}

/** SeaBIOS writes to a serial port whose number it is told. */
async function talkingGuest(host: QemuHostFixture): Promise<string> {
  const port = join(host.dir, "sercon-port");
  await writeFile(port, Buffer.from([0xf8, 0x03]));
  const args = ["-fw_cfg", `name=etc/sercon-port,file=${port}`]
    .map((a) => `<qemu:arg value='${a}'/>`)
    .join("");
  return guestXml("talker", "<serial type='pty'/>", `<qemu:commandline>${args}</qemu:commandline>`);
}

describe("the serial console", () => {
  it("is one reader's, who may be replaced, and outlives the agent", async () => {
    await using host = await QemuHostFixture.open({ allowPassthrough: true });
    const uuid = await host.define(await talkingGuest(host));
    await host.domains.start(uuid, { paused: true }, call);
    const first = await host.domains.openConsole(uuid, { device: "", force: false }, call);
    await host.domains.resume(uuid, call);
    expect(await readUntil(first, "SeaBIOS")).toContain("SeaBIOS");
    const busy = await failure(host.domains.openConsole(uuid, { device: "serial0", force: false }, call));
    expect(busy.reason).toBe("CONSOLE_BUSY");

    const second = await host.domains.openConsole(uuid, { device: "serial0", force: true }, call);
    await host.domains.reset(uuid, call);
    await second.write(Buffer.from("x"));
    expect(await readUntil(second, "SeaBIOS")).toContain("SeaBIOS");

    await host.stop();
    await host.start();
    await using third = await host.domains.openConsole(uuid, { device: "", force: false }, call);
    await host.domains.reset(uuid, call);
    expect(await readUntil(third, "SeaBIOS")).toContain("SeaBIOS");
  });

  it("ends with the guest", async () => {
    await using host = await QemuHostFixture.open();
    const uuid = await host.define(guestXml("web", "<serial type='pty'/>"));
    await host.domains.start(uuid, { paused: true }, call);
    await using console = await host.domains.openConsole(uuid, { device: "", force: false }, call);
    await host.domains.destroy(uuid, call);
    expect(await readUntil(console, "never")).toBe("");
  });

  it("is missed by name", async () => {
    await using host = await QemuHostFixture.open();
    const uuid = await host.define(guestXml("web"));
    await host.domains.start(uuid, { paused: true }, call);
    const e = await failure(host.domains.openConsole(uuid, { device: "serial7", force: false }, call));
    expect([e.reason, e.message]).toEqual([
      "DEVICE_NOT_FOUND",
      'guest "web" has no console "serial7", only none',
    ]);
  });
});

describe("the screen", () => {
  it("is taken as PNG", async () => {
    await using host = await QemuHostFixture.open();
    const uuid = await host.define(guestXml("web", "<video><model type='vga'/></video>"));
    await host.domains.start(uuid, { paused: true }, call);
    const { mimeType, data } = await host.domains.screenshot(uuid, 0, call);
    const chunks: Uint8Array[] = [];
    for await (const chunk of data) chunks.push(chunk);
    expect(mimeType).toBe("image/png");
    expect(Buffer.concat(chunks).subarray(1, 4).toString()).toBe("PNG");
    expect((await failure(host.domains.screenshot(uuid, 1, call))).reason).toBe("DEVICE_NOT_FOUND");
  });
});

describe("statistics", () => {
  it("tell of processor, memory and disks without asking the guest", async () => {
    await using host = await QemuHostFixture.open();
    const path = join(host.dir, "raw.img");
    await writeFile(path, Buffer.alloc(1 << 20));
    const disk = `<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='${path}'/><target dev='vda' bus='virtio'/></disk>`;
    const uuid = await host.define(guestXml("web", disk));
    expect(host.domains.stats([uuid])[0]).toMatchObject({ state: "shutoff", sampleTimeMs: 0, blocks: [] });
    await host.domains.start(uuid, { paused: false }, call);
    expect(host.domains.stats([uuid])[0]?.rssBytes).toBeGreaterThan(0n);
    let stats = host.domains.stats([uuid])[0];
    // The firmware reads the disk when it gets there.
    for (let i = 0; i < 200 && (stats?.blocks[0]?.readRequests ?? 0n) === 0n; i += 1) {
      await delay(100);
      stats = host.domains.stats([uuid])[0];
    }
    expect(stats).toMatchObject({
      state: "running",
      vcpus: 1,
      blocks: [{ target: "vda", capacityBytes: 1n << 20n }],
    });
    expect(stats?.blocks[0]?.readRequests).toBeGreaterThan(0n);
    expect(stats?.cpuTimeNs).toBeGreaterThan(0n);
  });
});
