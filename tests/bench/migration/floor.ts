import type { Host } from "@virtmesh/lab/hosts";
import { testGuestCommandLine } from "@virtmesh/lab/guest/xml";
import type { QmpEvent } from "../../../services/qemu-agent/src/qmp/events.ts";
import { HandQemu } from "../hand-qemu.ts";
import type { TwoHosts } from "../hosts-of.ts";
import { type Contender, finished, guestOf, MEMORY_MIB, type Run, type Sample, settled } from "./scene.ts";

const NBD_PORT = "49900";
const MEMORY_PORT = "49901";

/** The same migration by QMP commands alone: what nobody who uses QEMU can be faster than. */
export class Floor implements Contender {
  readonly name = "floor";
  /** By hand the images are made beforehand, as libvirt wants them too. */
  readonly needsImages = true;
  readonly #source: Host;
  readonly #destination: Host;

  constructor({ source, destination }: TwoHosts) {
    this.#source = source;
    this.#destination = destination;
  }

  async migrate(run: Run): Promise<Sample> {
    await using a = await this.#qemu(this.#source, run, "source", []);
    await settled(run.beats);
    const began = performance.now();
    await using b = await this.#qemu(this.#destination, run, "destination", ["-incoming", "defer"]);
    await this.#openDestination(b, run);
    const mirroring = performance.now();
    await this.#mirror(a, run);
    const jobs = run.disks.map((_, i) => `j${i}`);
    await Promise.all(
      jobs.map((job) => a.seen((e) => e.event === "BLOCK_JOB_READY" && e.data.device === job)),
    );
    const ready = performance.now();
    await a.qmp.execute("migrate", { uri: `tcp:${this.#destination.address}:${MEMORY_PORT}` });
    await a.seen((e) => e.event === "MIGRATION" && e.data.status === "pre-switchover");
    await Promise.all(jobs.map((job) => a.qmp.execute("block-job-cancel", { device: job })));
    await Promise.all(jobs.map((job) => a.seen((e) => concluded(e, job))));
    await a.qmp.execute("migrate-continue", { state: "pre-switchover" });
    await b.seen((e) => e.event === "MIGRATION" && e.data.status === "completed");
    await b.qmp.execute("nbd-server-stop");
    await b.qmp.execute("cont");
    const runs = performance.now();
    await a.kill();
    const tail = performance.now() - runs;
    return await finished(run, { began, preparation: mirroring - began, copy: ready - mirroring, tail });
  }

  async #qemu(
    host: Host,
    run: Run,
    side: "source" | "destination",
    extra: readonly string[],
  ): Promise<HandQemu> {
    return await HandQemu.start({
      name: side,
      dir: run.dir,
      enter: host.enter,
      args: [...argumentsOf(run, side), ...extra],
    });
  }

  async #openDestination(b: HandQemu, run: Run): Promise<void> {
    const host = this.#destination.address;
    await b.qmp.execute("nbd-server-start", { addr: { type: "inet", data: { host, port: NBD_PORT } } });
    await Promise.all(
      run.disks.map((_, i) =>
        b.qmp.execute("block-export-add", {
          type: "nbd",
          id: `e${i}`,
          "node-name": `d${i}`,
          name: `d${i}`,
          writable: true,
        }),
      ),
    );
    await setCapabilities(b, ["events", "late-block-activate"]);
    await b.qmp.execute("migrate-incoming", { uri: `tcp:${host}:${MEMORY_PORT}` });
  }

  async #mirror(a: HandQemu, run: Run): Promise<void> {
    await setCapabilities(a, ["events", "late-block-activate", "pause-before-switchover"]);
    await a.qmp.execute("migrate-set-parameters", { "downtime-limit": 300, "max-bandwidth": 2 ** 43 });
    await Promise.all(
      run.disks.map(async (_, i) => {
        await a.qmp.execute("blockdev-add", {
          driver: "nbd",
          "node-name": `n${i}`,
          server: { type: "inet", host: this.#destination.address, port: NBD_PORT },
          export: `d${i}`,
        });
        await a.qmp.execute("blockdev-mirror", {
          "job-id": `j${i}`,
          device: `d${i}`,
          target: `n${i}`,
          sync: "full",
          "auto-dismiss": false,
          "on-target-error": "report",
        });
      }),
    );
  }
}

type Capability = "events" | "late-block-activate" | "pause-before-switchover";

async function setCapabilities(qemu: HandQemu, names: readonly Capability[]): Promise<void> {
  const capabilities = names.map((capability) => ({ capability, state: true }));
  await qemu.qmp.execute("migrate-set-capabilities", { capabilities });
}

function concluded(event: QmpEvent, job: string): boolean {
  return event.event === "JOB_STATUS_CHANGE" && event.data.id === job && event.data.status === "concluded";
}

function argumentsOf(run: Run, side: "source" | "destination"): readonly string[] {
  const disks = run.disks.flatMap((disk, i) => [
    "-blockdev",
    JSON.stringify({
      driver: "raw",
      "node-name": `d${i}`,
      cache: { direct: true },
      file: { driver: "file", filename: disk[side], aio: "threads" },
    }),
    "-device",
    `virtio-blk-pci,drive=d${i},id=vd${i},write-cache=on`,
  ]);
  return [
    ...["-name", run.name, "-machine", "q35,accel=tcg", "-cpu", "qemu64", "-m", String(MEMORY_MIB)],
    ...["-kernel", run.image.kernel, "-initrd", run.image.initrd],
    ...["-append", testGuestCommandLine(guestOf(run, side))],
    ...disks,
    ...["-device", "virtio-serial-pci,id=vs", "-chardev", `socket,id=hb,path=${run.heartbeatSocket}`],
    ...["-device", "virtserialport,bus=vs.0,chardev=hb,name=hb.0"],
  ];
}
