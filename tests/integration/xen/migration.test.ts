import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import {
  MigrateDomainRequest,
  MigrationReport,
  MigrationServiceService as M,
  MigrationStorage,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import { OperationServiceService as O } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { fromRpcStatus } from "@virtmesh/kit/status";
import { Scope } from "@virtmesh/kit/scope";
import { makeRunFolder, removeRunFolder } from "@virtmesh/lab/run-folder";
import { PATIENT_LEASE } from "@virtmesh/lab/machine/machine";
import { FaultPointListener } from "../../faults/lab/listener.ts";
import { LONG, XenHost } from "./xen-host.ts";

jest.setTimeout(240_000);

const GUEST = "mover";
const SECTOR = 512;
const DISK_BYTES = 8 << 20;
const DISK = "<disk type='block' device='disk'><source dev='/dev/vda'/><target dev='xvda' bus='xen'/></disk>";
/** What it does to its memory is seen by its processor's nested pages, not by Xen's shadow ones. */
const HELPED = "helped";
/** The memory of a guest goes through two emulated computers. */
const PATIENCE_MS = 120_000;
const soon = (): AbortSignal => AbortSignal.timeout(PATIENCE_MS);

/** Each test finds the guest where the one before has left it. */
describe("a guest that goes from one Xen to another", () => {
  const scope = new Scope();
  let points: FaultPointListener;
  let disk: string;
  let a: XenHost;
  let b: XenHost;

  beforeAll(async () => {
    const dir = await makeRunFolder("vmxen");
    scope.defer(() => removeRunFolder(dir));
    points = scope.own(await FaultPointListener.listen(join(dir, "points.sock")));
    disk = join(dir, "disk.img");
    await writeFile(disk, Buffer.alloc(DISK_BYTES));
    const [first, second] = await XenHost.inOneMesh({
      ...{
        netns: true,
        // An emulated processor would spend most of its time on it.
        tls: false,
        hosts: ["host-x", "host-y"],
        sharedDisks: [disk],
        env: { VIRTMESH_FAULT_POINTS: points.path },
      },
      agentArguments: [...PATIENT_LEASE, "--migration-silence", "20s", "--allow-plaintext-migration"],
    });
    if (first === undefined || second === undefined) throw new Error("there are no two hosts");
    [a, b] = [scope.own(first), second];
    await a.define(a.xml(GUEST, { words: "count write", devices: DISK }));
    await a.start(GUEST);
    await counts(a, 1);
  }, 300_000);
  afterAll(() => scope[Symbol.asyncDispose](), 60_000);

  it("takes along what it has in memory, and both hosts tell of it", async () => {
    await using left = await a.watch(GUEST);
    await using came = await b.watch(GUEST);
    await points.holdAt([], soon());
    const report = await end(a, await begin(a, b));
    expect(report).toMatchObject({ uri: b.uri });
    expect(report.memoryBytes).toBeGreaterThan(64n << 20n);
    for (const what of ["suspended migrated", "stopped migrated", "undefined removed"])
      expect(await left.next()).toBe(`${GUEST} ${what}`);
    for (const what of ["started migrated", "defined added", "resumed migrated"])
      expect(await came.next()).toBe(`${GUEST} ${what}`);
    await goesOn(b);
    expect(await a.domains()).toEqual([]);
    expect(await b.get(GUEST)).toMatchObject({
      ...{ state: DomainState.DOMAIN_STATE_RUNNING, stateReason: "migrated", persistent: true },
    });
    // Nobody lets it run before the record says where.
    const facts = points.seen.flatMap(({ detail }) => (detail as { readonly fact?: string }).fact ?? []);
    expect(facts.indexOf("recordDestination")).toBeGreaterThan(facts.indexOf("peerLoaded"));
    expect(facts.indexOf("running")).toBeGreaterThan(facts.indexOf("recordDestination"));
  });

  it("goes on where it was when it is called off at the last moment", async () => {
    await using stayed = await b.watch(GUEST);
    const name = await stopped();
    await b.mesh.unary(O.cancelOperation, { uri: b.uri, name });
    points.release();
    await expect(end(b, name)).rejects.toMatchObject({ reason: "OPERATION_ABORTED" });
    for (const what of ["suspended migrated", "resumed migrated"])
      expect(await stayed.next()).toBe(`${GUEST} ${what}`);
    await goesOn(b);
    expect(await a.domains()).toEqual([]);
  });

  it("goes on where it was when the destination's agent is killed before the decision", async () => {
    const name = await stopped();
    await kill(a);
    points.release();
    await expect(end(b, name)).rejects.toMatchObject({ reason: "PEER_LOST" });
    await goesOn(b);
    // What it left behind stands still until the next agent takes it away.
    expect(await states(a)).toEqual([`${GUEST}--incoming --p---`]);
    await a.host.agent.restart();
    await points.until(() => isDone("destination"), soon(), "the destination did not give up");
    expect(await a.domains()).toEqual([]);
    await a.mesh.complete();
  });

  it("runs on the destination alone when the source's agent is killed after the decision", async () => {
    await using came = await a.watch(GUEST);
    await points.holdAt(["source.recordDestination"], soon());
    const name = await begin(b, a);
    await points.held(["source.recordDestination"], soon());
    await kill(b);
    points.release();
    for (const what of ["started migrated", "defined added", "resumed migrated"])
      expect(await came.next()).toBe(`${GUEST} ${what}`);
    await goesOn(a);
    expect(await states(b)).toEqual([`${GUEST} ---ss-`]);
    await b.host.agent.restart();
    await b.mesh.complete();
    await end(b, name);
    expect(await b.domains()).toEqual([]);
    await goesOn(a);
  });

  it("may be one of the kind that needs no shadow paging", async () => {
    await a.destroy(GUEST);
    await a.define(a.xml(HELPED, { kind: "xenpvh", words: "count" }));
    await a.start(HELPED);
    await counts(a, 1, HELPED);
    await points.holdAt([], soon());
    await end(a, await begin(a, b, HELPED));
    await goesOn(b, HELPED);
  });

  /** Begins a move back and comes to where the guest is whole on both hosts, and nothing is decided: it runs on neither. */
  async function stopped(): Promise<string> {
    await points.holdAt(["source.peerLoaded"], soon());
    const name = await begin(b, a);
    await points.held(["source.peerLoaded"], soon());
    expect(await states(a)).toEqual([`${GUEST}--incoming --p---`]);
    expect(await states(b)).toEqual([`${GUEST} ---ss-`]);
    return name;
  }

  async function begin(from: XenHost, to: XenHost, guest = GUEST): Promise<string> {
    const request = MigrateDomainRequest.fromPartial({
      ...{ uri: from.uri, domain: guest, destinationUri: to.uri, plaintext: true },
      storage: MigrationStorage.MIGRATION_STORAGE_SHARED,
    });
    return (await from.mesh.unary(M.migrateDomain, request, soon())).name;
  }

  /** Its end. @throws what it failed with */
  async function end(host: XenHost, name: string): Promise<MigrationReport> {
    const request = { uri: host.uri, name, timeout: LONG };
    const { result } = await host.mesh.unary(O.waitOperation, request, soon());
    if (result?.$case === "response") return MigrationReport.decode(result.value.value);
    throw result === undefined ? new Error(`${name} does not end`) : fromRpcStatus(result.value);
  }

  async function kill(host: XenHost): Promise<void> {
    await host.machine.exec(["sh", "-c", "kill -9 $(pidof node)"]);
    await host.host.agent.exited;
  }

  function isDone(side: string): boolean {
    return points.seen.some((step) => step.side === side && step.kind === "finished");
  }

  /** `name flags` of the domains that Xen has, without dom0. */
  async function states(host: XenHost): Promise<readonly string[]> {
    const { stdout } = await host.machine.exec(["xl", "list"]);
    return stdout
      .trim()
      .split("\n")
      .slice(2)
      .map((line) => line.split(/\s+/))
      .map(([name, _id, _memory, _vcpus, flags]) => `${name} ${flags}`);
  }

  /** What it has said there. */
  async function said(host: XenHost, guest: string): Promise<string> {
    return (await host.machine.exec(["sh", "-c", `cat ${logsOf(guest)} 2>/dev/null || true`])).stdout;
  }

  async function counts(host: XenHost, number: number, guest = GUEST): Promise<void> {
    const logs = logsOf(guest);
    const script = `exec 3< <(exec timeout 100 tail -q -n +1 -F ${logs} 2>/dev/null)
      grep -m1 "COUNT ${number}\\b" <&3 && kill $! && exit 0
      echo "it does not count to ${number}:" $(xl list) $(tail -q -n 3 ${logs}) >&2; exit 1`;
    await host.machine.exec(["bash", "-c", script]);
  }

  /** It counts on there from where it was, wherever that has been: nobody has booted it again. */
  async function goesOn(host: XenHost, guest = GUEST): Promise<void> {
    const all = `${await said(a, guest)}${await said(b, guest)}`;
    expect(all.match(/GUEST-READY/g)).toHaveLength(1);
    const numbers = [...all.matchAll(/COUNT (\d+)\b/g)].map(([, number]) => Number(number));
    const next = Math.max(...numbers) + 2;
    await counts(host, next, guest);
    if (guest !== GUEST) return;
    // Whichever host it was on when it wrote it.
    const written = await readFile(disk, "latin1");
    for (let n = 1; n <= next; n++)
      expect(written.slice(n * SECTOR, (n + 1) * SECTOR)).toBe(`COUNT ${n}\n`.padEnd(SECTOR, "\0"));
  }
});

/** Under both names that xl gives it. */
function logsOf(guest: string): string {
  return `/var/log/xen/guest-${guest}.log /var/log/xen/guest-${guest}--incoming.log`;
}
