import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sampleOffer } from "@virtmesh/agent/migration/sample-offer";
import { ownCall } from "@virtmesh/core/call";
import type { SourceHypervisorFact } from "@virtmesh/core/migration/facts";
import type { Guest, Run } from "../guests/guest.ts";
import { type SourceSite, XenOutgoing } from "./outgoing.ts";

const UUID = "6695eb01-f6a4-8304-79aa-97f2502e193f";
const RUNS = `web 7 96 1 -b---- 1.5 ${UUID} - -\n`;
const STANDS_STILL = `web 7 96 1 ---s-- 1.5 ${UUID} 2 -\n`;
const DOM0 = "Domain-0 0 512 2 r----- 9.0 00000000-0000-0000-0000-000000000000 - -\n";

let dir: string;
let path: string | undefined;

/** An xl that lists what a file says, and lets nobody go on. */
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "virtmesh-xl-"));
  const script = `#!/bin/sh\ncase "$1" in list) exec cat "${dir}/list" ;; *) exit 1 ;; esac\n`;
  await writeFile(join(dir, "xl"), script, { mode: 0o755 });
  path = process.env.PATH;
  process.env.PATH = `${dir}:${path}`;
});
afterEach(async () => {
  process.env.PATH = path;
  await rm(dir, { recursive: true });
});

const xenHas = (...rows: readonly string[]): Promise<void> =>
  writeFile(join(dir, "list"), [DOM0, ...rows].join(""));

/** A guest whose migration is given up when its memory has been sent. */
function outgoing() {
  const told: SourceHypervisorFact[] = [];
  const run = { id: 7, ended: Promise.withResolvers<void>() } as unknown as Run;
  const guest = { run, turn: <T>(work: () => Promise<T>) => work() } as unknown as Guest;
  const stood: string[] = [];
  const guests = {
    during: <T>(_guest: unknown, _call: unknown, work: () => Promise<T>) => work(),
    stands: (_guest: unknown, _run: unknown, state: string) => void stood.push(state),
  };
  const site = { guests, lock: join(dir, "lock") } as unknown as SourceSite;
  const sent = new XenOutgoing(site, sampleOffer({ disks: [] }), guest, run, (fact) => told.push(fact));
  return { guest, run, told, stood, rollBack: () => sent.rollBack({ linkLost: true }, ownCall()) };
}

describe("a Xen guest whose migration is given up", () => {
  it("is home when Xen shows that it runs", async () => {
    const { told, stood, rollBack } = outgoing();
    await xenHas(RUNS);
    await rollBack();
    expect([told, stood]).toEqual([[{ fact: "rolledBack" }], ["running"]]);
  });

  it("is not home as long as Xen does not let it go on, and is when it does", async () => {
    const { told, stood, rollBack } = outgoing();
    await xenHas(STANDS_STILL);
    await expect(rollBack()).rejects.toMatchObject({ reason: "HYPERVISOR_FAILED" });
    expect([told, stood]).toEqual([[], []]);
    await xenHas(RUNS);
    await rollBack();
    expect(told).toEqual([{ fact: "rolledBack" }]);
  });

  it("is not home as long as xl does not say what there is", async () => {
    const { told, rollBack } = outgoing();
    await expect(rollBack()).rejects.toThrow("list");
    expect(told).toEqual([]);
  });

  it("has ended when Xen does not have it any more", async () => {
    const { told, stood, rollBack } = outgoing();
    await xenHas();
    await rollBack();
    expect(told).toEqual([expect.objectContaining({ fact: "sourceExited" })]);
    expect(stood).toEqual([]);
  });

  it("has ended when its run has, and is home when it has booted anew", async () => {
    const ended = outgoing();
    ended.guest.run = undefined;
    await ended.rollBack();
    expect(ended.told).toEqual([expect.objectContaining({ fact: "sourceExited" })]);
    const booted = outgoing();
    booted.run.id = 8;
    await booted.rollBack();
    expect(booted.told).toEqual([{ fact: "rolledBack" }]);
  });
});
