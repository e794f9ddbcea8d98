import { join } from "node:path";
import { startMesh } from "@virtmesh/lab/mesh";
import type { Bench } from "../bench.ts";
import { MeshClient } from "../mesh-client.ts";
import { median, spread } from "../statistics.ts";
import { hostsOf } from "../hosts-of.ts";
import { startLibvirt } from "../libvirt/pair.ts";
import { Floor } from "./floor.ts";
import { Libvirt } from "./libvirt.ts";
import { type Contender, type Sample, Scene } from "./scene.ts";
import { Virtmesh } from "./virtmesh.ts";

const MEASURES = ["preparation", "copy", "total", "gap", "tail"] as const;
type Measure = (typeof MEASURES)[number];
const DISKS = [1, 4];

/** The samples of one contender with one number of disks. */
interface Series {
  readonly contender: Contender;
  readonly disks: number;
  readonly samples: Sample[];
}

/** The same guest migrated by everybody in turn, so that what else this computer does hits all alike. */
export async function benchMigration({ dir, rounds, output }: Bench): Promise<void> {
  output.progress("starting the mesh and two libvirtd");
  await using mesh = await startMesh({
    netns: true,
    dir: join(dir, "mesh"),
    agentArguments: ["--allow-plaintext-migration"],
  });
  const client = new MeshClient(mesh);
  const hosts = hostsOf(client);
  await using libvirt = await startLibvirt(hosts, dir, output);
  const contenders: readonly Contender[] = [
    new Virtmesh(client, true),
    new Floor(hosts),
    ...(libvirt.pair ? [new Libvirt(libvirt.pair)] : []),
    new Virtmesh(client, false),
  ];
  const scene = await Scene.make(join(dir, "scene"));
  const all = DISKS.flatMap((disks) =>
    contenders.map((contender): Series => ({ contender, disks, samples: [] })),
  );
  for (let round = 1; round <= rounds; round++) {
    // Another one begins each time: who comes first meets the writes to disk that the round before has left.
    const first = (round - 1) % all.length;
    for (const { contender, disks, samples } of [...all.slice(first), ...all.slice(0, first)]) {
      const sample = await scene.run({ disks, needsImages: contender.needsImages }, (run) =>
        contender.migrate(run),
      );
      samples.push(sample);
      output.progress(
        `round ${round} of ${rounds}: ${contender.name}, ${disks} disks, ${sample.total.toFixed(0)} ms`,
      );
      output.result({ bench: "migration", contender: contender.name, disks, round, ...sample });
    }
  }

  for (const disks of DISKS) {
    output.table(`Migration, ${disks} disks of 256 MiB; ms, min / median / max of ${rounds}`, [
      ["", ...MEASURES],
      ...all.filter((s) => s.disks === disks).map(rowOf),
      ...(libvirt.missing === undefined ? [] : [["libvirt", `not measured: ${libvirt.missing}`]]),
    ]);
  }
  output.summary({ bench: "migration", ...ratios(all, 1), four_disks: ratios(all, 4) });
}

function rowOf({ contender, samples }: Series): readonly string[] {
  return [
    contender.name,
    ...MEASURES.map((m) =>
      spread(
        samples.map((s) => s[m]),
        0,
      ),
    ),
  ];
}

/** Of virtmesh in the clear, as the others are. */
function ratios(all: readonly Series[], disks: number): Readonly<Record<string, number | null>> {
  const mid = (name: string, m: Measure): number =>
    median(
      all
        .filter((s) => s.contender.name === name && s.disks === disks)
        .flatMap((s) => s.samples.map((x) => x[m])),
    );
  const total = mid("virtmesh", "total");
  const libvirt = mid("libvirt", "total");
  return {
    total_vs_floor: total / mid("floor", "total"),
    total_vs_libvirt: Number.isNaN(libvirt) ? null : total / libvirt,
    gap_over_floor_ms: mid("virtmesh", "gap") - mid("floor", "gap"),
    preparation_ms: mid("virtmesh", "preparation"),
    tail_ms: mid("virtmesh", "tail"),
    tls_total_vs_plaintext: mid("virtmesh-tls", "total") / total,
  };
}
