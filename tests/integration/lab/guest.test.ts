import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildGuest, type GuestImage } from "@virtmesh/lab/guest/build";
import { HeartbeatCollector } from "@virtmesh/lab/guest/heartbeat";
import { verifyWritten } from "@virtmesh/lab/guest/verify";
import { testGuestCommandLine } from "@virtmesh/lab/guest/xml";
import { Child } from "@virtmesh/lab/process";

const BUILD_MS = 120_000;
const MIB = 2 ** 20;

let image: GuestImage;
let folder: string;

beforeAll(async () => {
  image = await buildGuest();
  folder = await mkdtemp(join(tmpdir(), "virtmesh-guest-"));
}, BUILD_MS);
afterAll(async () => await rm(folder, { recursive: true, force: true }));

async function boot(
  words: Parameters<typeof testGuestCommandLine>[0],
  more: readonly string[],
): Promise<Child> {
  return await Child.start(
    [
      "qemu-system-x86_64",
      ...["-machine", "q35,accel=tcg", "-cpu", "qemu64", "-m", "128", "-nodefaults", "-no-user-config"],
      ...["-display", "none", "-serial", "stdio", "-no-reboot"],
      ...["-kernel", image.kernel, "-initrd", image.initrd, "-append", testGuestCommandLine(words)],
      ...more,
    ],
    { name: "the guest" },
  );
}

describe("the test guest", () => {
  it("counts, writes what can be verified, and powers off at the button", async () => {
    const disk = join(folder, "vda.raw");
    await writeFile(disk, Buffer.alloc(4 * MIB));
    const socket = join(folder, "hb.sock");
    await using collector = await HeartbeatCollector.listen(socket);
    const qmp = join(folder, "qmp.sock");
    await using qemu = await boot(
      {
        heartbeat: { socket },
        writers: [{ disk: "vda", periodUs: 1000, spanBytes: 2 * MIB }],
        memoryCounter: { mib: 4, periodUs: 1000 },
      },
      [
        ...["-drive", `if=virtio,format=raw,cache=none,file=${disk}`, "-device", "virtio-serial-pci"],
        ...["-chardev", `socket,id=hb,path=${socket}`, "-device", "virtserialport,chardev=hb,name=hb.0"],
        ...["-qmp", `unix:${qmp},server=on,wait=off`],
      ],
    );
    await qemu.line(/GUEST-READY .*disks=vda$/, AbortSignal.timeout(60_000));
    await collector.next((beat) => (beat.finishedWrites[0] ?? 0) > 40, AbortSignal.timeout(60_000));
    await pressPowerButton(qmp);
    expect(await qemu.exited).toEqual({ code: 0, signal: null });

    const report = collector.report();
    expect(report).toMatchObject({ wentBack: 0, lost: 0, connections: 1 });
    expect(report.last?.wrongPages).toBe(0);
    const atLeast = report.last?.finishedWrites[0] ?? 0;
    const plan = { writer: 0, blockBytes: 65536, spanBytes: 2 * MIB, atLeast };
    expect(await verifyWritten({ path: disk }, plan)).toMatchObject({ ok: true, problems: [] });
  }, 150_000);

  it("numbers its writes on after it was started again", async () => {
    const disk = join(folder, "again.raw");
    await writeFile(disk, Buffer.alloc(MIB));
    const more = ["-drive", `if=virtio,format=raw,cache=none,file=${disk}`];
    const words = { writers: [{ disk: "vda", periodUs: 1000 }], words: ["guest.poweroff=1"] };
    const counts: number[] = [];
    for (let run = 0; run < 2; run++) {
      await using qemu = await boot(words, more);
      expect(await qemu.exited).toEqual({ code: 0, signal: null });
      const report = await verifyWritten({ path: disk }, { writer: 0, blockBytes: 65536 });
      expect(report.problems).toEqual([]);
      counts.push(report.writes);
    }
    expect(counts[1]).toBeGreaterThan(counts[0] ?? 0);
  }, 150_000);
});

async function pressPowerButton(qmpSocket: string): Promise<void> {
  const program = `
    const s = require("net").connect(${JSON.stringify(qmpSocket)});
    s.write('{"execute":"qmp_capabilities"}\\n{"execute":"system_powerdown"}\\n');
    let seen = "";
    s.on("data", (d) => { seen += d; if (seen.split('"return"').length > 2) process.exit(); });`;
  await using client = await Child.start([process.execPath, "-e", program], { name: "a QMP client" });
  expect(await client.exited).toMatchObject({ code: 0 });
}
