import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import { type Domain, DomainServiceService as D } from "@virtmesh/api/gen/virtmesh/v1/domain";
import {
  EventServiceService,
  type WatchRequest,
  type WatchResponse,
} from "@virtmesh/api/gen/virtmesh/v1/event";
import { MigrateDomainRequest, MigrationServiceService } from "@virtmesh/api/gen/virtmesh/v1/migration";
import { OperationServiceService as O } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { type AgentOptions, type RunningAgent, startAgent } from "@virtmesh/agent/agent";
import { VirtError } from "@virtmesh/core/errors";
import { type Channel, connect, streamCall, unaryCall } from "@virtmesh/kit/grpc-client";
import { createTestDriver, type TestDriver } from "@virtmesh/test-driver/test-driver";

const LIMIT_MS = 40_000;

/** A test agent in this process, asked over real gRPC. */
export interface TestAgent extends AsyncDisposable {
  readonly agent: RunningAgent;
  readonly driver: TestDriver;
  readonly channel: Channel;
  readonly uri: string;
  readonly client: ReturnType<typeof clientOf>;
}

export async function tempDir(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "agent-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

/** An agent on a host; `dir` keeps its state from one start to the next. */
export async function testAgent(
  host: string,
  dir: string,
  more: Partial<AgentOptions> & { readonly driver?: TestDriver } = {},
): Promise<TestAgent> {
  const driver = more.driver ?? createTestDriver({ guests: [] });
  const agent = await startAgent({
    host,
    listen: "127.0.0.1:0",
    stateDir: join(dir, host, "state"),
    runDir: join(dir, host, "run"),
    createDriver: () => driver,
    ...more,
  });
  const channel = connect(agent.address);
  const uri = agent.uris[0];
  return {
    agent,
    driver,
    channel,
    uri,
    client: clientOf(channel, uri),
    async [Symbol.asyncDispose]() {
      channel.close();
      await agent[Symbol.asyncDispose]();
    },
  };
}

function limit() {
  return { signal: AbortSignal.timeout(LIMIT_MS) };
}

function clientOf(channel: Channel, uri: string) {
  const by = (domain: string, requestId: string) => ({ uri, domain, requestId });
  return {
    define: (
      xml: string,
      more: { requestId?: string; etag?: string; validateOnly?: boolean } = {},
    ): Promise<Domain> =>
      unaryCall(
        channel,
        D.defineDomain,
        { uri, requestId: "", etag: "", validateOnly: false, xml, ...more },
        limit(),
      ),
    create: (xml: string): Promise<Domain> =>
      unaryCall(
        channel,
        D.createDomain,
        { uri, requestId: "", xml, paused: false, validateOnly: false },
        limit(),
      ),
    start: (domain: string, requestId = ""): Promise<Domain> =>
      unaryCall(
        channel,
        D.startDomain,
        { ...by(domain, requestId), paused: false, forceBoot: false },
        limit(),
      ),
    get: (domain: string): Promise<Domain> => unaryCall(channel, D.getDomain, { uri, domain }, limit()),
    destroy: (domain: string): Promise<Domain> =>
      unaryCall(channel, D.destroyDomain, by(domain, ""), limit()),
    undefine: (domain: string, etag = "") =>
      unaryCall(channel, D.undefineDomain, { ...by(domain, ""), etag, managedSave: false }, limit()),
    shutdown: (domain: string, seconds = 10, requestId = ""): Promise<Operation> =>
      unaryCall(
        channel,
        D.shutdownDomain,
        { ...by(domain, requestId), timeout: { seconds: BigInt(seconds), nanos: 0 } },
        limit(),
      ),
    migrate: (domain: string, destinationUri: string, requestId: string): Promise<Operation> =>
      unaryCall(
        channel,
        MigrationServiceService.migrateDomain,
        MigrateDomainRequest.fromPartial({ uri, domain, destinationUri, requestId, plaintext: true }),
        limit(),
      ),
    operation: (name: string): Promise<Operation> =>
      unaryCall(channel, O.getOperation, { uri, name }, limit()),
    wait: (name: string): Promise<Operation> =>
      unaryCall(channel, O.waitOperation, { uri, name, timeout: undefined }, limit()),
    watch: (more: Partial<WatchRequest>, signal: AbortSignal): AsyncIterable<WatchResponse> =>
      streamCall(
        channel,
        EventServiceService.watch,
        { uri, domain: "", classes: [], resumeToken: "", sendSnapshot: false, ...more },
        { signal },
      ),
  };
}

export function guestXml(name: string, uuid?: string): string {
  return `<domain type='test'>
  <name>${name}</name>${uuid === undefined ? "" : `<uuid>${uuid}</uuid>`}
  <memory unit='MiB'>128</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64'>hvm</type></os>
  <devices/>
</domain>`;
}

/** A guest that never reacts to being asked to shut down. */
export function deafGuestXml(name: string, uuid: string): string {
  const faults = `<test:faults xmlns:test="https://virtmesh.dev/test/1"><test:ignore method="shutdown"/></test:faults>`;
  return guestXml(name, uuid).replace("<memory", `<metadata>${faults}</metadata><memory`);
}

/** The error of a call that has to fail. */
export async function failure(work: Promise<unknown>): Promise<VirtError> {
  try {
    await work;
  } catch (e) {
    if (VirtError.is(e)) return e;
    throw e;
  }
  throw new Error("the call was to fail, and did not");
}
