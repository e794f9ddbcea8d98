import { copyFile, mkdir, open, rm, truncate, writeFile } from "node:fs/promises";
import { randomBytes, randomUUID } from "node:crypto";
import { join } from "node:path";
import { buildGuest, type GuestImage } from "@virtmesh/lab/guest/build";
import { HeartbeatCollector } from "@virtmesh/lab/guest/heartbeat";
import type { TestGuest } from "@virtmesh/lab/guest/xml";

const MIB = 2 ** 20;
export const DISK_MIB = 256;
export const MEMORY_MIB = 192;
/** 64 KiB every 5 ms: about 12 MB/s. */
const WRITER = { disk: "vda", blockBytes: 65_536, periodUs: 5_000 };

/** What one contender measured in one migration, in milliseconds. */
export interface Sample {
  /** From the call to the first mirror. */
  readonly preparation: number;
  /** From the first mirror to all of them ready. */
  readonly copy: number;
  /** From the call to the guest's first heartbeat on the destination. */
  readonly total: number;
  /** The longest silence of the guest's heartbeat. */
  readonly gap: number;
  /** From the guest running there, as the contender learnt it, to nothing left on the source. */
  readonly tail: number;
  /** What else the contender can say of where the time went. */
  readonly parts?: Readonly<Record<string, number>>;
}

/** Somebody who can migrate the guest of this benchmark between the two hosts. */
export interface Contender {
  readonly name: string;
  /** Whether the destination's images have to be there already. */
  readonly needsImages: boolean;
  migrate(run: Run): Promise<Sample>;
}

export interface Run {
  readonly name: string;
  readonly uuid: string;
  readonly dir: string;
  readonly disks: readonly { readonly source: string; readonly destination: string }[];
  readonly heartbeatSocket: string;
  readonly beats: HeartbeatCollector;
  readonly image: GuestImage;
}

/** Disks of random data, which no hypervisor can skip, and a heartbeat to measure by. */
export class Scene {
  readonly dir: string;
  readonly image: GuestImage;
  #runs = 0;

  private constructor(dir: string, image: GuestImage) {
    this.dir = dir;
    this.image = image;
  }

  static async make(dir: string): Promise<Scene> {
    await mkdir(dir, { recursive: true });
    const scene = new Scene(dir, await buildGuest());
    const file = await open(scene.#random, "w");
    for (let i = 0; i < DISK_MIB; i += 16) await file.write(randomBytes(16 * MIB));
    await file.close();
    return scene;
  }

  get #random(): string {
    return join(this.dir, "random.raw");
  }

  /** Makes a guest's images, has `use` do something with them, and removes them. */
  async run<T>(options: RunOptions, use: (run: Run) => Promise<T>): Promise<T> {
    const n = ++this.#runs;
    const dir = join(this.dir, `run${n}`);
    const destinationDir = options.destinationDir ?? join(dir, "b");
    await mkdir(join(dir, "a"), { recursive: true });
    await mkdir(destinationDir, { recursive: true });
    const heartbeatSocket = join(dir, "hb.sock");
    await using beats = await HeartbeatCollector.listen(heartbeatSocket);
    const disks = Array.from({ length: options.disks }, (_, i) => ({
      source: join(dir, "a", `${i}.raw`),
      destination: join(destinationDir, `${i}.raw`),
    }));
    for (const { source, destination } of disks) {
      await copyFile(this.#random, source);
      if (!options.needsImages) continue;
      await writeFile(destination, "");
      await truncate(destination, DISK_MIB * MIB);
    }
    try {
      return await use({
        name: `bench${n}`,
        uuid: randomUUID(),
        dir,
        disks,
        heartbeatSocket,
        beats,
        image: this.image,
      });
    } finally {
      for (const { destination } of disks) await rm(destination, { force: true });
      await rm(dir, { recursive: true });
    }
  }
}

export interface RunOptions {
  readonly disks: number;
  readonly needsImages: boolean;
  /** Where the destination's images go; a folder of the run unless told. */
  readonly destinationDir?: string;
}

/** The guest of a run as it is on one side. */
export function guestOf(run: Run, side: "source" | "destination"): TestGuest {
  return {
    name: run.name,
    uuid: run.uuid,
    image: run.image,
    memoryMiB: MEMORY_MIB,
    disks: run.disks.map((disk) => ({ path: disk[side] })),
    heartbeat: { socket: run.heartbeatSocket },
    writers: [WRITER],
    serialFile: "/dev/null",
  };
}

/** Lets the guest settle and begins to measure its heartbeat. */
export async function settled(beats: HeartbeatCollector): Promise<void> {
  const first = await beats.next(() => true, AbortSignal.timeout(60_000));
  await beats.next((b) => b.sequence > first.sequence + 300, AbortSignal.timeout(60_000));
  beats.restart();
}

/** What only the contender knows of a migration. */
export interface Told {
  /** When it was asked, by `performance.now()`. */
  readonly began: number;
  readonly preparation: number;
  readonly copy: number;
  readonly tail: number;
  readonly parts?: Readonly<Record<string, number>>;
}

/** Waits until the guest has beaten on the destination for a while, so that the gap is over; adds what that says. */
export async function finished(run: Run, told: Told): Promise<Sample> {
  const arrived = run.beats.last?.sequence ?? 0;
  await run.beats.next(
    (b) => b.sequence > arrived + 100 && run.beats.firstBeatMs(2) !== undefined,
    AbortSignal.timeout(30_000),
  );
  const { began, ...parts } = told;
  const first = run.beats.firstBeatMs(2) ?? Number.NaN;
  return { ...parts, total: first - began, gap: run.beats.report().largestGapMs };
}
