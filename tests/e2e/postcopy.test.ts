import { randomUUID } from "node:crypto";
import { DomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import {
  MigrationPhase,
  type MigrationProgress,
  MigrationServiceService,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import { verifyWritten } from "@virtmesh/lab/guest/verify";
import { refusal, short, Watching } from "./guests.ts";
import { hangsOnMemory } from "./hung-qemu.ts";
import { breakMemoryLink, isConnecting, swallowAnswers } from "./memory-link.ts";
import { BLOCK_BYTES, GUEST, hypervisorOf, MIB, tuning, TwoHosts } from "./two-hosts.ts";

const P = MigrationPhase;
/** Memory takes seconds, before and after the switch. */
const SLOW = { postcopy: true, tuning: tuning({ memory: 6 * MIB }) };

describe("post-copy between two hosts", () => {
  let hosts: TwoHosts;
  beforeEach(async () => {
    hosts = await TwoHosts.start();
    await hosts.startGuest();
  }, 180_000);
  afterEach(() => hosts[Symbol.asyncDispose](), 60_000);

  function switchOver(name: string): Promise<unknown> {
    const id = name.replace("operations/", "");
    return hosts.mesh.unary(MigrationServiceService.startPostcopy, {
      ...{ uri: hosts.a.uri, requestId: randomUUID(), id },
    });
  }

  /** Up to where the guest runs on the destination and lacks memory. */
  async function pulling(): Promise<string> {
    const name = await hosts.begin(SLOW);
    await hosts.reaches(name, P.MIGRATION_PHASE_COPYING_MEMORY);
    await switchOver(name);
    await hosts.reaches(name, P.MIGRATION_PHASE_PULLING);
    return name;
  }

  /** It runs on the destination, has counted on, and finds every block that it wrote. */
  async function moved(): Promise<void> {
    await hosts.stillCounts();
    expect(await hosts.names(hosts.a)).toEqual([]);
    expect(await hosts.domain(hosts.b)).toMatchObject({
      state: DomainState.DOMAIN_STATE_RUNNING,
      stateReason: "migrated",
      generation: 2n,
    });
    await hosts.suspend(hosts.b);
    const written = await verifyWritten(
      { path: hosts.image(hosts.b, "vda") },
      { writer: 0, blockBytes: BLOCK_BYTES },
    );
    expect(written.problems).toEqual([]);
  }

  it("lets the guest run on the destination before its memory is there, brings all of it, and tells each step", async () => {
    await using watching = new Watching(hosts.mesh, { domain: GUEST });
    await watching.synced();
    const name = await hosts.begin(SLOW);
    const early = await refusal(switchOver(name));
    expect(early.message).toContain("post-copy begins while memory is sent");
    await hosts.reaches(name, P.MIGRATION_PHASE_COPYING_MEMORY);
    await switchOver(name);
    await watching.until((e) => short(e) === `${GUEST} resumed postcopy`);
    expect(await hosts.domain(hosts.b)).toMatchObject({ stateReason: "postcopy" });
    const seen: MigrationProgress[] = [];
    const report = await hosts.end(name, (p) => seen.push(p));
    expect(report.postcopyTime?.seconds).toBeGreaterThan(0n);
    const percents = seen.map((p) => p.percent);
    expect(percents).toEqual(percents.toSorted((x, y) => x - y));
    await moved();
    // By different hosts, so in either order.
    const left = new Set([`${GUEST} resumed migrated`, `${GUEST} undefined removed`]);
    await watching.until((e) => left.delete(short(e)) && left.size === 0);
  }, 180_000);

  it("goes on by a new connection when the memory's broke, without a person", async () => {
    const name = await pulling();
    const seen: number[] = [];
    const end = hosts.end(name, (p) => seen.push(p.phase));
    await breakMemoryLink(hosts.a);
    await end;
    expect(seen).toContain(P.MIGRATION_PHASE_STRANDED);
    await moved();
  }, 180_000);

  it("is taken up by both agents when they were killed while the guest fetched its memory", async () => {
    const name = await pulling();
    await Promise.all([hosts.a.agent.kill("SIGKILL"), hosts.b.agent.kill("SIGKILL")]);
    await Promise.all([hosts.a.agent.restart(), hosts.b.agent.restart()]);
    await hosts.mesh.complete();
    await hosts.end(name);
    await moved();
  }, 180_000);

  it("outlives a network that is gone and then both agents, though its QEMU may not answer the new ones", async () => {
    const name = await pulling();
    await hosts.b.namespace?.blackhole(hosts.a.namespace);
    await Promise.all([breakMemoryLink(hosts.a), breakMemoryLink(hosts.b)]);
    await hosts.reaches(name, P.MIGRATION_PHASE_STRANDED);
    await Promise.all([hosts.a.agent.kill("SIGKILL"), hosts.b.agent.kill("SIGKILL")]);
    await Promise.all([hosts.a.agent.restart(), hosts.b.agent.restart()]);
    await hosts.b.namespace?.heal();
    await hosts.mesh.complete();
    await hosts.end(name);
    await moved();
  }, 180_000);

  it("goes on when the connection broke while the destination's agent was away, though its QEMU hangs and answers nobody", async () => {
    const name = await pulling();
    await hosts.b.agent.kill("SIGKILL");
    await breakMemoryLink(hosts.a);
    await hosts.reaches(name, P.MIGRATION_PHASE_STRANDED);
    await hangsOnMemory(hosts.b, 128 * MIB);
    await hosts.b.agent.restart();
    await hosts.mesh.complete();
    await hosts.end(name);
    await moved();
  }, 180_000);

  it("makes one connection though its agent is killed while QEMU waits for an answer that a network swallows", async () => {
    const name = await pulling();
    const answers = await swallowAnswers(hosts.b, hosts.a);
    // In this order: what breaks on host-b is swallowed on its way to host-a, and not the other way round.
    await breakMemoryLink(hosts.b);
    await breakMemoryLink(hosts.a);
    await isConnecting(hosts.a);
    await hosts.a.agent.kill("SIGKILL");
    await hosts.a.agent.restart();
    await hosts.mesh.complete();
    await hosts.reaches(name, P.MIGRATION_PHASE_STRANDED);
    await answers.heal();
    await hosts.end(name);
    await moved();
  }, 180_000);

  it("costs the guest when its QEMU on the source dies before its memory is there, and says so", async () => {
    const name = await pulling();
    process.kill(await hypervisorOf(hosts.a), "SIGKILL");
    const failure = await hosts.failure(name);
    expect(failure.reason).toBe("GUEST_LOST");
    expect(failure.message).toContain("the guest runs nowhere");
    expect(await hosts.names(hosts.a)).toEqual([]);
    expect(await hosts.domain(hosts.b)).toMatchObject({
      state: DomainState.DOMAIN_STATE_SHUTOFF,
      stateReason: "crashed",
      generation: 2n,
    });
  }, 180_000);
});
