import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import { DomainServiceService, DomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import {
  DrainedGuestState,
  DrainHostRequest,
  type DrainProgress,
  HostServiceService,
} from "@virtmesh/api/gen/virtmesh/v1/host";
import { OperationMetadata, OperationServiceService } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { fromRpcStatus } from "@virtmesh/kit/status";
import { buildGuest } from "@virtmesh/lab/guest/build";
import { HeartbeatCollector } from "@virtmesh/lab/guest/heartbeat";
import { testGuestXml } from "@virtmesh/lab/guest/xml";
import type { MeshHost } from "@virtmesh/lab/launcher";
import { type RunningMesh, startMesh } from "@virtmesh/lab/mesh";

const NAMES = Array.from({ length: 8 }, (_, i) => `web-${i + 1}`);
const PATIENCE_MS = 120_000;
const { DOMAIN_STATE_RUNNING } = DomainState;

describe("a host with eight real guests that is drained", () => {
  let mesh: RunningMesh;
  let a: MeshHost;
  let b: MeshHost;
  const beats = new Map<string, HeartbeatCollector>();

  beforeAll(async () => {
    mesh = await startMesh({ netns: true, agentArguments: ["--migrations-outgoing", "2"] });
    [a, b] = mesh.hosts as [MeshHost, MeshHost];
    const image = await buildGuest();
    for (const name of NAMES) {
      const socket = join(mesh.dir, `${name}.sock`);
      beats.set(name, await HeartbeatCollector.listen(socket));
      const heartbeat = { socket, periodUs: 50_000 };
      const xml = testGuestXml({ name, image, heartbeat, memoryCounter: { mib: 2, periodUs: 50_000 } });
      const at = { uri: a.uri, requestId: randomUUID() };
      await mesh.unary(DomainServiceService.defineDomain, { ...at, xml, validateOnly: false, etag: "" });
      await mesh.unary(DomainServiceService.startDomain, {
        ...at,
        requestId: "",
        domain: name,
        paused: false,
        forceBoot: false,
      });
    }
    await allCount(0);
  }, 240_000);
  afterAll(async () => {
    await mesh[Symbol.asyncDispose]();
    for (const collector of beats.values()) await collector[Symbol.asyncDispose]();
  }, 60_000);

  /** Every guest beats on, has never gone back, and found no page that was not as it left it. */
  async function allCount(more = 5): Promise<void> {
    for (const [name, collector] of beats) {
      const from = collector.last?.sequence ?? 0;
      const beat = await collector.next(
        (next) => next.sequence > from + more,
        AbortSignal.timeout(PATIENCE_MS),
      );
      expect({ name, wrong: beat.wrongPages, wentBack: collector.report().wentBack }).toEqual({
        name,
        wrong: 0,
        wentBack: 0,
      });
    }
  }

  async function drain(host: MeshHost): Promise<Operation> {
    return await mesh.unary(
      HostServiceService.drainHost,
      DrainHostRequest.fromPartial({ uri: host.uri, requestId: randomUUID() }),
    );
  }

  const watch = (host: MeshHost, { name }: Operation) =>
    mesh.stream(
      OperationServiceService.watchOperation,
      { uri: host.uri, name },
      AbortSignal.timeout(PATIENCE_MS),
    );
  const drainOf = (operation: Operation): DrainProgress | undefined =>
    operation.metadata && OperationMetadata.decode(operation.metadata.value).drain;

  async function moved(host: MeshHost, operation: Operation, count: number): Promise<void> {
    for await (const now of watch(host, operation)) if ((drainOf(now)?.moved ?? 0) >= count) return;
  }

  async function end(host: MeshHost, operation: Operation): Promise<Operation> {
    for await (const now of watch(host, operation)) if (now.done) return now;
    throw new Error(`${operation.name} did not end`);
  }

  async function running(host: MeshHost): Promise<string[]> {
    const request = { uri: host.uri, pageSize: 0, pageToken: "", filter: "", orderBy: "name" };
    const { domains } = await mesh.unary(DomainServiceService.listDomains, request);
    expect(domains.map((d) => d.state)).toEqual(domains.map(() => DOMAIN_STATE_RUNNING));
    return domains.map((d) => d.name);
  }

  it("is empty at the end although its agent was killed in the middle, and no guest noticed", async () => {
    const operation = await drain(a);
    await moved(a, operation, 2);
    await a.agent.kill("SIGKILL");
    await a.agent.restart();
    await mesh.complete();
    const ended = await end(a, operation);
    expect(ended.result?.$case).toBe("response");
    expect(await running(a)).toEqual([]);
    expect(await running(b)).toEqual(NAMES);
    await allCount();
  }, 240_000);

  it("stops in the middle when that is cancelled, and every guest runs where it says", async () => {
    await mesh.unary(HostServiceService.uncordonHost, { uri: a.uri, requestId: randomUUID() });
    const operation = await drain(b);
    await moved(b, operation, 2);
    await mesh.unary(OperationServiceService.cancelOperation, { uri: b.uri, name: operation.name });
    const ended = await end(b, operation);
    const error = ended.result?.$case === "error" ? fromRpcStatus(ended.result.value) : undefined;
    expect(error?.reason).toBe("CANCELLED");
    const guests = drainOf(ended)?.guests ?? [];
    const those = (state: DrainedGuestState): string[] =>
      guests
        .filter((g) => g.state === state)
        .map((g) => g.domainName)
        .toSorted();
    expect(await running(a)).toEqual(those(DrainedGuestState.DRAINED_GUEST_STATE_MOVED));
    expect(await running(b)).toEqual(those(DrainedGuestState.DRAINED_GUEST_STATE_LEFT));
    expect(guests).toHaveLength(NAMES.length);
    await allCount();
  }, 240_000);
});
