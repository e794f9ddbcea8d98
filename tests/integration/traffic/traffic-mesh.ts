import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import { DrainHostRequest, HostServiceService } from "@virtmesh/api/gen/virtmesh/v1/host";
import {
  MigrateDomainRequest,
  MigrationLimits,
  MigrationServiceService as M,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import { OperationMetadata, OperationServiceService as O } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { migrationModule } from "@virtmesh/agent/migration/module";
import type { Limits } from "@virtmesh/agent/traffic/limits";
import { VirtError } from "@virtmesh/core/errors";
import { streamCall, unaryCall } from "@virtmesh/kit/grpc-client";
import { Scope } from "@virtmesh/kit/scope";
import { fromRpcStatus } from "@virtmesh/kit/status";
import { type NatsServer, startNats } from "@virtmesh/lab/nats";
import { createTestDriver, type TestDriver } from "@virtmesh/test-driver/test-driver";
import { guestXml, tempDir, type TestAgent, testAgent } from "../agent/support.ts";

const LIMIT_MS = 120_000;

/** Test agents in this process on a NATS of their own; their guests outlive them, as guests do. */
export class TrafficMesh extends Scope {
  readonly nats: NatsServer;
  readonly #dir: string;
  readonly #agents = new Map<string, TestAgent>();
  readonly #drivers = new Map<string, TestDriver>();

  private constructor(nats: NatsServer, dir: string) {
    super();
    this.nats = nats;
    this.#dir = dir;
  }

  static async start(hosts: Readonly<Record<string, Partial<Limits>>>): Promise<TrafficMesh> {
    const dir = await tempDir();
    const nats = await startNats();
    const mesh = new TrafficMesh(nats, dir.path);
    mesh.own(dir);
    mesh.own(nats);
    mesh.defer(async () => {
      for (const driver of mesh.#drivers.values()) await driver[Symbol.asyncDispose]();
    });
    mesh.defer(async () => {
      for (const agent of mesh.#agents.values()) await agent[Symbol.asyncDispose]();
    });
    for (const [host, limits] of Object.entries(hosts)) await mesh.agent(host, limits);
    await mesh.acquainted();
    return mesh;
  }

  /** Starts the agent of a host, again when it was stopped. */
  async agent(host: string, limits: Partial<Limits> = {}): Promise<void> {
    const driver = this.#drivers.get(host) ?? createTestDriver({ guests: [] });
    this.#drivers.set(host, driver);
    const agent = await testAgent(host, this.#dir, {
      driver: { ...driver, [Symbol.asyncDispose]: async () => undefined },
      nats: { servers: [this.nats.url] },
      modules: [migrationModule],
      limits,
    });
    this.#agents.set(host, agent);
  }

  async stop(host: string): Promise<void> {
    await this.of(host)[Symbol.asyncDispose]();
  }

  of(host: string): TestAgent {
    const agent = this.#agents.get(host);
    if (agent === undefined) throw new Error(`there is no ${host}`);
    return agent;
  }

  driver(host: string): TestDriver {
    return this.of(host).driver;
  }

  /** Every agent can reach every other: each is asked for what stands in the way of a guest that is not there. */
  async acquainted(): Promise<void> {
    const hosts = [...this.#agents.keys()];
    for (const from of hosts) {
      for (const to of hosts.filter((h) => h !== from)) {
        const name = `probe-${from}-${to}`;
        await this.of(from).client.define(guestXml(name));
        for (;;) {
          const answer = await this.migrate(from, name, to, { validateOnly: true, mode: 2 }).catch(
            (e: unknown) => e,
          );
          if (!VirtError.is(answer)) break;
          if (answer.reason !== "UNKNOWN_HOST") throw answer;
        }
        await this.of(from).client.undefine(name);
      }
    }
  }

  /** Guests that run on a host; what a test gives them takes its time or fails as its faults say. */
  async guests(host: string, names: readonly string[], faults = "", memory = "1"): Promise<void> {
    const { client } = this.of(host);
    await Promise.all(
      names.map(async (name) => {
        const metadata = `<metadata><test:faults xmlns:test="https://virtmesh.dev/test/1">${faults}</test:faults></metadata>`;
        const xml = guestXml(name).replace(
          "<memory unit='MiB'>128",
          `${metadata}<memory unit='MiB'>${memory}`,
        );
        await client.define(xml);
        await client.start(name);
      }),
    );
  }

  async migrate(
    from: string,
    domain: string,
    to: string,
    more: Partial<MigrateDomainRequest> = {},
  ): Promise<Operation> {
    const { channel, uri } = this.of(from);
    const destinationUri = `test://${to}/default`;
    const request = MigrateDomainRequest.fromPartial({
      uri,
      domain,
      destinationUri,
      plaintext: true,
      ...more,
    });
    return await unaryCall(channel, M.migrateDomain, request, limit());
  }

  async drain(from: string, more: Partial<DrainHostRequest> = {}): Promise<Operation> {
    const { channel, uri } = this.of(from);
    const migration = MigrateDomainRequest.fromPartial({ plaintext: true });
    const request = DrainHostRequest.fromPartial({ uri, migration, ...more });
    return await unaryCall(channel, HostServiceService.drainHost, request, limit());
  }

  async limits(
    host: string,
    limits: Partial<MigrationLimits> = {},
    updateMask: string[] = [],
  ): Promise<MigrationLimits> {
    const { channel, uri } = this.of(host);
    if (updateMask.length === 0) return await unaryCall(channel, M.getMigrationLimits, { uri }, limit());
    const request = { uri, requestId: "", limits: MigrationLimits.fromPartial(limits), updateMask };
    return await unaryCall(channel, M.updateMigrationLimits, request, limit());
  }

  /** How an operation ended: "" when well, or its error. */
  async end(host: string, { name }: Operation): Promise<string> {
    const { channel, uri } = this.of(host);
    const { result } = await unaryCall(channel, O.waitOperation, { uri, name, timeout: undefined }, limit());
    return result?.$case === "error" ? fromRpcStatus(result.value).message : "";
  }

  async cancel(host: string, { name }: Operation): Promise<void> {
    const { channel, uri } = this.of(host);
    await unaryCall(channel, O.cancelOperation, { uri, name }, limit());
  }

  /** The first state of an operation that is as wanted. */
  async when(
    host: string,
    { name }: Operation,
    wanted: (metadata: OperationMetadata) => boolean,
  ): Promise<OperationMetadata> {
    const { channel, uri } = this.of(host);
    for await (const operation of streamCall(channel, O.watchOperation, { uri, name }, limit())) {
      const metadata = OperationMetadata.decode(operation.metadata?.value ?? Buffer.alloc(0));
      if (wanted(metadata)) return metadata;
      if (operation.done) throw new Error(`${name} ended: ${JSON.stringify(operation.result)}`);
    }
    throw new Error(`the stream of ${name} ended before it did`);
  }

  names(host: string): readonly string[] {
    return this.driver(host)
      .domains.list()
      .map((d) => d.name)
      .toSorted();
  }
}

function limit() {
  return { signal: AbortSignal.timeout(LIMIT_MS) };
}
