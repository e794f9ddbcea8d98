import { compareImages, verifyWritten } from "@virtmesh/lab/guest/verify";
import { DomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { MigrationPhase, type MigrationProgress } from "@virtmesh/api/gen/virtmesh/v1/migration";
import { BLOCK_BYTES, GUEST, TwoHosts } from "./two-hosts.ts";

describe("a live migration between two hosts", () => {
  let hosts: TwoHosts;
  beforeEach(async () => {
    hosts = await TwoHosts.start();
    await hosts.startGuest();
  }, 120_000);
  afterEach(() => hosts[Symbol.asyncDispose](), 60_000);

  it("moves the guest with its disks; it never stops counting and finds every block that it wrote", async () => {
    const seen: MigrationProgress[] = [];
    const report = await hosts.end(await hosts.begin(), (p) => seen.push(p));
    await hosts.stillCounts();
    expect(await hosts.names(hosts.a)).toEqual([]);
    expect(await hosts.domain(hosts.b)).toMatchObject({
      name: GUEST,
      state: DomainState.DOMAIN_STATE_RUNNING,
      stateReason: "migrated",
      persistent: true,
      generation: 2n,
    });
    const percents = seen.map((p) => p.percent);
    expect(percents).toEqual(percents.toSorted((x, y) => x - y));
    expect(seen.at(-1)?.phase).toBe(MigrationPhase.MIGRATION_PHASE_COMPLETED);
    expect(report.uri).toBe(hosts.b.uri);
    expect(report.disks.map((d) => [d.target, d.copiedBytes === d.totalBytes])).toEqual([
      ["vda", true],
      ["vdb", true],
    ]);
    await hosts.suspend(hosts.b);
    const written = await verifyWritten(
      { path: hosts.image(hosts.b, "vda") },
      { writer: 0, blockBytes: BLOCK_BYTES },
    );
    expect(written.problems).toEqual([]);
    const still = await compareImages(
      { path: hosts.image(hosts.a, "vdb") },
      { path: hosts.image(hosts.b, "vdb") },
    );
    expect(still.identical).toBe(true);
  }, 120_000);
});
