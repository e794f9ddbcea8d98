import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Bench } from "../bench.ts";
import { startDaemon } from "../libvirt/single.ts";
import { startOneHost } from "../one-host.ts";
import { median, spread } from "../statistics.ts";
import { ByHand, ByLibvirt, ByVirtmesh, type Starter } from "./starters.ts";

const GUESTS = 50;
const AT_ONCE = [1, 4, 16];

interface Series {
  readonly starter: Starter;
  readonly atOnce: number;
  /** Until all of them were there, in milliseconds. */
  readonly all: number[];
  /** Each of them. */
  readonly each: number[];
  /** Until all of them were gone. */
  readonly gone: number[];
}

/** Fifty small guests started one after another and side by side. */
export async function benchStart({ dir, rounds, output }: Bench): Promise<void> {
  output.progress("starting a mesh of one host and libvirtd");
  await using stack = new AsyncDisposableStack();
  const on = stack.use(await startOneHost(join(dir, "mesh"), false));
  const libvirt = await startDaemon(on.namespace, join(dir, "libvirt"), output);
  const hands = join(dir, "hand");
  await mkdir(hands);
  const starters: Starter[] = [stack.use(new ByVirtmesh(on)), stack.use(new ByHand(hands))];
  if ("daemon" in libvirt) {
    stack.use(libvirt.daemon);
    starters.push(stack.use(await ByLibvirt.open(libvirt.daemon, Math.max(...AT_ONCE))));
  }

  const series = AT_ONCE.flatMap((atOnce) =>
    starters.map((starter): Series => ({ starter, atOnce, all: [], each: [], gone: [] })),
  );
  for (let round = 1; round <= rounds; round++) {
    for (const { starter, atOnce, all, each, gone } of series) {
      const names = Array.from({ length: GUESTS }, (_, i) => `s${round}x${atOnce}x${i}`);
      const took: number[] = [];
      all.push(
        await inTurns(names, atOnce, async (name, worker) => {
          const began = performance.now();
          await starter.start(name, worker);
          took.push(performance.now() - began);
        }),
      );
      gone.push(await inTurns(names, atOnce, (name, worker) => starter.remove(name, worker)));
      each.push(...took);
      const [started, removed] = [all.at(-1) ?? 0, gone.at(-1) ?? 0];
      output.progress(
        `round ${round} of ${rounds}: ${starter.name}, ${atOnce} at once, ${started.toFixed(0)} ms`,
      );
      const what = { bench: "start", contender: starter.name, at_once: atOnce, round };
      output.result({ ...what, all_ms: started, each_ms: median(took), gone_ms: removed });
    }
  }

  for (const atOnce of AT_ONCE) {
    output.table(`${GUESTS} small guests, ${atOnce} at once; ms, min / median / max`, [
      ["", "all started", "each", "all destroyed"],
      ...series
        .filter((s) => s.atOnce === atOnce)
        .map((s) => [s.starter.name, spread(s.all, 0), spread(s.each, 0), spread(s.gone, 0)]),
      ...("missing" in libvirt ? [["libvirt", `not measured: ${libvirt.missing}`]] : []),
    ]);
  }
  const all = (name: string, atOnce: number): number =>
    median(series.find((s) => s.starter.name === name && s.atOnce === atOnce)?.all ?? []);
  output.summary({
    bench: "start",
    ...Object.fromEntries(
      AT_ONCE.map((atOnce) => [
        atOnce === 1 ? "series" : `parallel_${atOnce}`,
        {
          virtmesh_ms: all("virtmesh", atOnce),
          floor_ms: all("floor", atOnce),
          libvirt_ms: all("libvirt", atOnce),
          vs_floor: all("virtmesh", atOnce) / all("floor", atOnce),
          vs_libvirt: all("virtmesh", atOnce) / all("libvirt", atOnce),
        },
      ]),
    ),
  });
}

/** Has so many workers go through the names; answers how long it took, in milliseconds. */
async function inTurns(
  names: readonly string[],
  workers: number,
  work: (name: string, worker: number) => Promise<void>,
): Promise<number> {
  const began = performance.now();
  const rest = [...names];
  await Promise.all(
    Array.from({ length: workers }, async (_, worker) => {
      for (let name = rest.shift(); name !== undefined; name = rest.shift()) await work(name, worker);
    }),
  );
  return performance.now() - began;
}
