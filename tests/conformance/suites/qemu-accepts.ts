import { ACCEPTS_NEEDS, ensurePackages, LIBVIRT_ACCEPTS_NEEDS } from "@virtmesh/lab/apt";
import type { GuestCase } from "../accepts/cases.ts";
import { guestCases } from "../accepts/cases.ts";
import { startAll } from "../accepts/enter.ts";
import type { Case, Outcome, Suite } from "../suite.ts";
import { fail, PASS, skip } from "../suite.ts";

/** The installed QEMU takes the agent's arguments: it comes up with its CPUs stopped and answers. */
export const qemuAccepts: Suite = {
  name: "qemu-accepts",
  about: "guests of x86 that the installed QEMU comes up with by the agent's arguments; needs root",
  goal: 0,
  byNameOnly: true,
  cases: (corpus) => casesOf("agent", guestCases(corpus)),
};

/** The same guests, on the same host, by libvirt: what the other number is to be compared with. */
export const qemuAcceptsLibvirt: Suite = {
  name: "qemu-accepts-libvirt",
  about: "the same guests started by Debian's libvirt: virsh define, start --paused; needs root",
  goal: 0,
  byNameOnly: true,
  cases: (corpus) => casesOf("libvirt", guestCases(corpus)),
};

const NEEDS = { agent: ACCEPTS_NEEDS, libvirt: [...ACCEPTS_NEEDS, ...LIBVIRT_ACCEPTS_NEEDS] };

/** All guests are started when the first is asked for: what they run in is made once. */
function casesOf(side: "agent" | "libvirt", guests: readonly GuestCase[]): readonly Case[] {
  let all: ReturnType<typeof startAll> | undefined;
  const outcome = async (name: string, signal: AbortSignal): Promise<Outcome> => {
    if (process.getuid?.() !== 0) return skip("namespaces of its own take root");
    all ??= ensurePackages(NEEDS[side], (said) => process.stderr.write(`${said}\n`)).then(() =>
      startAll(side, guests, signal),
    );
    const trial = (await all).get(name);
    if (trial === undefined) return fail("it was not tried");
    return trial.up ? PASS : fail(trial.why, [kindOf(trial.why)]);
  };
  return guests.map(({ name }) => ({ name, run: (signal) => outcome(name, signal) }));
}

/** What it was about, without the names of the case. */
function kindOf(why: string): string {
  const [last = ""] = why.trim().split("\n").slice(-1);
  return last
    .replaceAll(/["'][^"']*["']/g, '"..."')
    .replaceAll(/\/[\w./-]+/g, "/...")
    .replaceAll(/\d+/g, "N")
    .slice(0, 160);
}
