import { join } from "node:path";
import { rm } from "node:fs/promises";
import { MigrationPhase, MigrationServiceService } from "@virtmesh/api/gen/virtmesh/v1/migration";
import { run } from "@virtmesh/lab/process";
import { diskTo, GUEST, MIB, TwoHosts, tuning } from "../e2e/two-hosts.ts";

/** Slow enough that a fault meets the copy while it is under way. */
const SLOW = { tuning: tuning({ disk: MIB }) };
/** A few seconds of copying, at twice the pace at which the guest writes: it comes to its end. */
const CONVERGING = { tuning: tuning({ disk: 28 * MIB }) };
const SENDING = MigrationPhase.MIGRATION_PHASE_COPYING_MEMORY;
/** Memory that does not come to an end by itself: the guest counts in it faster than this. */
const LINGERING = { tuning: tuning({ memory: MIB, downtimeMs: 1 }) };

describe("a migration that meets a fault", () => {
  let hosts: TwoHosts;
  beforeEach(async () => {
    hosts = await TwoHosts.start();
  }, 60_000);
  afterEach(() => hosts[Symbol.asyncDispose](), 60_000);

  it("is given up when the destination runs out of space after every disk was ready, and names the disk", async () => {
    await hosts.startGuest({ diskMib: 256 });
    const small = await hosts.b.namespace?.tmpfs(300 * MIB);
    if (small === undefined) throw new Error("the hosts are not in namespaces");
    const paths = { vda: join(small, "vda.raw"), vdb: join(small, "vdb.raw") };
    const name = await hosts.begin({
      ...LINGERING,
      disks: Object.entries(paths).map(([target, path]) => diskTo(target, path)),
    });
    await hosts.reaches(name, SENDING);
    await run(["dd", "if=/dev/zero", `of=${join(small, "filler")}`, "bs=1M"]).catch(() => undefined);
    const failure = await hosts.failure(name);
    expect(failure.message).toContain("disk vda");
    expect(failure.message).toContain("No space left on device");
    expect(failure.message).toContain(`the guest is on ${hosts.a.uri}, as before`);
    await hosts.stayed();
    await rm(join(small, "filler"));
    expect((await run(["ls", small])).stdout).toBe("");
  }, 120_000);

  it("is given up when the user cancels it, and the operation says where the guest runs", async () => {
    await hosts.startGuest();
    const name = await hosts.begin(SLOW);
    await hosts.copies(name);
    await hosts.cancel(name);
    const failure = await hosts.failure(name);
    expect(failure.reason).toBe("OPERATION_ABORTED");
    expect(failure.context.metadata).toMatchObject({ ran_on: hosts.a.uri });
    await hosts.stayed();
  }, 120_000);

  it("is given up when the network between the agents swallows everything", async () => {
    await hosts.startGuest();
    const name = await hosts.begin(SLOW);
    await hosts.copies(name);
    await hosts.b.namespace?.blackhole(hosts.a.namespace);
    const failure = await hosts.failure(name);
    expect(failure.reason).toBe("PEER_LOST");
    await hosts.stillCounts();
    await hosts.b.namespace?.heal();
    await hosts.stayed();
  }, 120_000);

  it("is taken up and given up by a source agent that was killed and started again", async () => {
    await hosts.startGuest();
    const name = await hosts.begin(SLOW);
    await hosts.copies(name);
    await hosts.a.agent.kill("SIGKILL");
    await hosts.stillCounts();
    await hosts.a.agent.restart();
    await hosts.mesh.complete();
    const failure = await hosts.failure(name);
    expect(failure.message).toContain("the source agent was restarted before the decision");
    await hosts.stayed();
  }, 120_000);

  it("goes on when NATS is restarted during the copy", async () => {
    await hosts.startGuest({ diskMib: 96 });
    const name = await hosts.begin(CONVERGING);
    await hosts.copies(name);
    await hosts.mesh.nats.restart();
    await hosts.end(name);
    await hosts.stillCounts();
    expect(await hosts.names(hosts.b)).toEqual([GUEST]);
  }, 120_000);

  it("leaves the guest on the source when the decision cannot be recorded, and works the next time", async () => {
    await hosts.startGuest();
    const name = await hosts.begin(LINGERING);
    await hosts.reaches(name, SENDING);
    hosts.mesh.nats.pause();
    await hosts.mesh.unary(MigrationServiceService.tuneMigration, {
      uri: hosts.a.uri,
      requestId: "",
      id: name.replace("operations/", ""),
      tuning: undefined,
      updateMask: undefined,
    });
    const failure = await hosts.failure(name);
    expect(failure.message).toContain("promised never to run the guest");
    await hosts.stayed();
    hosts.mesh.nats.resume();
    await hosts.mesh.complete();
    await hosts.end(await hosts.begin());
    await hosts.stillCounts();
    expect(await hosts.names(hosts.b)).toEqual([GUEST]);
  }, 180_000);

  it("ends with the guest crashed on the source when the source's QEMU is killed, and nothing runs elsewhere", async () => {
    await hosts.startGuest();
    const name = await hosts.begin(SLOW);
    await hosts.copies(name);
    await run(["pkill", "-9", "-f", `guest=${GUEST},.*${hosts.a.runDir}`]);
    const failure = await hosts.failure(name);
    expect(failure.message).toContain("the guest runs nowhere");
    expect((await hosts.domain(hosts.a)).stateReason).toBe("crashed");
    expect(await hosts.names(hosts.b)).toEqual([]);
  }, 120_000);
});
