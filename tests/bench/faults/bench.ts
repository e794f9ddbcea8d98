import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { VirtError } from "@virtmesh/core/errors";
import { startMesh } from "@virtmesh/lab/mesh";
import type { Bench } from "../bench.ts";
import { hostsOf, type TwoHosts } from "../hosts-of.ts";
import { startLibvirt } from "../libvirt/pair.ts";
import { MeshClient } from "../mesh-client.ts";
import { type Run, Scene, settled } from "../migration/scene.ts";
import { median } from "../statistics.ts";
import { type Fault, FAULTS } from "./injections.ts";
import { LibvirtVictim, type Victim, VirtmeshVictim } from "./victims.ts";

/** Nobody is waited for longer. */
const PATIENCE_MS = 20_000;
/** How long the copy has run when the fault strikes. */
const LEAD_MS = 1_000;
/** Room for the images, which would be 256 MiB each. */
const IMAGE_ROOM = 700 * 2 ** 20;
const DISKS = 2;

interface Case {
  readonly fault: string;
  readonly contender: string;
  /** From the fault to the end of the migration, in milliseconds; undefined when it did not end in time. */
  readonly recovered: number | undefined;
  /** Whether the guest then ran on the source with no job left. */
  readonly safe: boolean;
  /** The guest's longest silence from the fault on. */
  readonly gap: number;
  readonly error: string;
}

/** From an injected fault to the guest being safe again. */
export async function benchFaults({ dir, rounds, only, output }: Bench): Promise<void> {
  output.progress("starting the mesh and two libvirtd");
  const agentArguments = ["--allow-plaintext-migration"];
  await using mesh = await startMesh({ netns: true, dir: join(dir, "mesh"), agentArguments });
  const client = new MeshClient(mesh);
  const hosts = hostsOf(client);
  const scene = await Scene.make(join(dir, "scene"));
  const faults = FAULTS.filter(({ name }) => only === undefined || name === only);
  if (faults.length === 0)
    throw new VirtError(
      "INVALID_FIELD",
      `there is no fault "${only}", only ${FAULTS.map((f) => f.name).join(", ")}`,
    );
  const cases: Case[] = [];
  let missing: string | undefined;
  for (let round = 1; round <= rounds; round++) {
    for (const fault of faults) {
      // Made before the daemons, whose own view of the mounts is of their start.
      const imageDir = await hosts.destination.tmpfs(fault.imageRoom ?? IMAGE_ROOM);
      const stage = { fault, hosts, scene, imageDir };
      cases.push(await meet(stage, new VirtmeshVictim(client)));
      // Its daemons and connections are new each time: what one fault did to them is not the next one's.
      await using libvirt = await startLibvirt(hosts, join(dir, `${fault.name}${round}`), output);
      missing = libvirt.missing;
      if (libvirt.pair) cases.push(await meet(stage, new LibvirtVictim(libvirt.pair)));
      for (const c of cases.slice(libvirt.pair ? -2 : -1)) {
        output.progress(`round ${round} of ${rounds}: ${c.fault}, ${c.contender}, ${timeOf([c])}`);
        const { recovered, gap, ...rest } = c;
        output.result({ bench: "faults", ...rest, round, recovered_ms: recovered ?? null, gap_ms: gap });
      }
    }
  }

  const of = (fault: string, contender: string): readonly Case[] =>
    cases.filter((c) => c.fault === fault && c.contender === contender);
  const contenders = missing === undefined ? ["virtmesh", "libvirt"] : ["virtmesh"];
  output.table("From the fault to the guest being safe; median", [
    ["", ...contenders],
    ...faults.map(({ name }) => [name, ...contenders.map((who) => timeOf(of(name, who)))]),
    ...(missing === undefined ? [] : [["libvirt", `not measured: ${missing}`]]),
  ]);
  output.table("What the user is told", [
    ...cases
      .slice(0, faults.length * contenders.length)
      .map((c) => [c.fault, c.contender, c.error || "nothing: the guest was moved in the end"]),
  ]);
  output.summary({
    bench: "faults",
    patience_ms: PATIENCE_MS,
    all_safe: cases.every((c) => c.safe || c.recovered === undefined),
    ...Object.fromEntries(
      faults.map(({ name }) => [
        name,
        Object.fromEntries(contenders.map((who) => [`${who}_ms`, medianOf(of(name, who))])),
      ]),
    ),
  });
}

interface Stage {
  readonly fault: Fault;
  readonly hosts: TwoHosts;
  readonly scene: Scene;
  readonly imageDir: string;
}

/** One migration that meets one fault. */
async function meet({ fault, hosts, scene, imageDir }: Stage, victim: Victim): Promise<Case> {
  const scenery = { hosts, imageDir, daemon: victim.daemon };
  const options = { disks: DISKS, needsImages: victim.needsImages, destinationDir: imageDir };
  return await scene.run(options, async (run: Run): Promise<Case> => {
    await victim.start(run);
    await settled(run.beats);
    const { copying, end } = victim.migrate(run);
    const early = await Promise.race([copying, end]);
    if (early !== undefined)
      throw new VirtError("INTERNAL", `${victim.name} did not begin to copy: ${early.error}`);
    await delay(LEAD_MS);
    run.beats.restart();
    await fault.strike(scenery);
    const struck = performance.now();
    const ended = await Promise.race([end, delay(PATIENCE_MS, undefined, { ref: false })]);
    const safe = ended !== undefined && (await victim.isSafe(run));
    const gap = run.beats.report().largestGapMs;
    await fault.mend(scenery);
    const { error } = await end;
    await victim.recover(run);
    const recovered = ended === undefined ? undefined : ended.at - struck;
    return { fault: fault.name, contender: victim.name, recovered, safe, gap, error };
  });
}

/** `null` when one of them did not end in time. */
function medianOf(cases: readonly Case[]): number | null {
  const times = cases.flatMap((c) => c.recovered ?? []);
  return times.length < cases.length ? null : median(times);
}

function timeOf(cases: readonly Case[]): string {
  const middle = medianOf(cases);
  if (middle === null) return `> ${PATIENCE_MS / 1000} s`;
  return cases.every((c) => c.safe) ? `${middle.toFixed(0)} ms` : `${middle.toFixed(0)} ms, not safe`;
}
