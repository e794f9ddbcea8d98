import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MethodDefinition } from "@grpc/grpc-js";
import { type Channel, connect, streamCall, unaryCall } from "@virtmesh/kit/grpc-client";
import { createLogger } from "@virtmesh/kit/logger";
import { createMetrics, type Metrics } from "@virtmesh/kit/metrics";
import { Scope } from "@virtmesh/kit/scope";
import { startNats, type NatsServer } from "@virtmesh/lab/nats";
import { repositoryRoot } from "@virtmesh/lab/repository";
import { freePort, Service } from "@virtmesh/lab/service";
import { connectMesh, type Mesh } from "@virtmesh/mesh/connection";
import { type Gateway, startGateway } from "../../../services/gateway/src/gateway.ts";

const CALL_MS = 40_000;
export const LEASE_MS = 3_000;

/** NATS, a gateway in this process whose directory can be watched, and test agents as processes. */
export class Fleet extends Scope {
  readonly nats: NatsServer;
  readonly mesh: Mesh;
  readonly metrics: Metrics;
  readonly #dir: string;
  #gateway: Gateway;
  #channel: Channel;

  private constructor(nats: NatsServer, mesh: Mesh, metrics: Metrics, gateway: Gateway, dir: string) {
    super();
    this.nats = nats;
    this.mesh = mesh;
    this.metrics = metrics;
    this.#dir = dir;
    this.#gateway = gateway;
    this.#channel = connect(gateway.address);
    this.defer(async () => {
      await this.#channel[Symbol.asyncDispose]();
      await this.#gateway[Symbol.asyncDispose]();
    });
  }

  static async start(...hosts: readonly string[]): Promise<Fleet> {
    const dir = await mkdtemp(join(tmpdir(), "vm-gw-"));
    const nats = await startNats();
    const mesh = connectMesh({ servers: nats.url, name: "gateway" });
    const metrics = createMetrics({ service: "gateway", host: "hub" });
    const fleet = new Fleet(nats, mesh, metrics, await gatewayOn(mesh, metrics), dir);
    fleet.defer(async () => {
      await mesh.close();
      await nats[Symbol.asyncDispose]();
      await rm(dir, { recursive: true, force: true });
    });
    await Promise.all(hosts.map((host) => fleet.agent(host)));
    return fleet;
  }

  get gateway(): Gateway {
    return this.#gateway;
  }

  /** A test agent as a process of its own, known to the gateway when this resolves. */
  async agent(host: string): Promise<Service> {
    const port = await freePort("127.0.0.1");
    const known = this.until((agents) =>
      agents.some((a) => a.host === host && a.address.endsWith(`:${port}`) && a.lostAtMs === undefined),
    );
    const stateDir = join(this.#dir, host);
    const argv = [
      ...[process.execPath, join(repositoryRoot(), "services/test-agent/src/main.ts"), "--host", host],
      ...["--listen", `127.0.0.1:${port}`, "--nats", this.nats.url],
      ...["--state-dir", join(stateDir, "state"), "--run-dir", join(stateDir, "run")],
    ];
    const service = await Service.start({
      name: `the agent of ${host}`,
      argv,
      address: `127.0.0.1:${port}`,
      metrics: "",
      logFile: join(this.#dir, `${host}-${port}.log`),
    });
    this.own(service);
    await known;
    return service;
  }

  /** Resolves when what the gateway knows of agents is so. */
  async until(holds: (agents: ReturnType<Gateway["directory"]["list"]>) => boolean): Promise<void> {
    const { directory } = this.#gateway;
    const reached = Promise.withResolvers<void>();
    const look = (): void => {
      if (holds(directory.list())) reached.resolve();
    };
    using _listening = directory.onChange(look);
    look();
    await reached.promise;
  }

  /** Another gateway in the place of the first, which knows nothing of it. */
  async replaceGateway(): Promise<void> {
    const alive = this.#gateway.directory.list().length;
    await this.#channel[Symbol.asyncDispose]();
    await this.#gateway[Symbol.asyncDispose]();
    this.#gateway = await gatewayOn(this.mesh, this.metrics);
    this.#channel = connect(this.#gateway.address);
    await this.until((agents) => agents.length >= alive);
  }

  unary<Q, R>(
    method: MethodDefinition<Q, R>,
    request: Q,
    options: { signal?: AbortSignal; deadline?: number; trace?: string } = {},
  ): Promise<R> {
    return unaryCall(this.#channel, method, request, { signal: AbortSignal.timeout(CALL_MS), ...options });
  }

  stream<Q, R>(method: MethodDefinition<Q, R>, request: Q, signal: AbortSignal): AsyncGenerator<R, void> {
    return streamCall(this.#channel, method, request, { signal });
  }
}

function gatewayOn(mesh: Mesh, metrics: Metrics): Promise<Gateway> {
  return startGateway({
    listen: "127.0.0.1:0",
    mesh,
    logger: createLogger({ service: "gateway", level: "silent" }),
    metrics,
    leaseTtlMs: LEASE_MS,
    hostTimeoutMs: 5_000,
    parallel: 16,
    signal: new AbortController().signal,
  });
}

/** A definition for a test host, with faults in its metadata where they are given. */
export function guestXml(name: string, faults = ""): string {
  return `<domain type='test'>
  <name>${name}</name>
  <metadata><test:faults xmlns:test="https://virtmesh.dev/test/1">${faults}</test:faults></metadata>
  <memory unit='MiB'>64</memory>
  <os><type>hvm</type></os>
  <devices><disk type='file'><source file='/guest/${name}'/><target dev='vda' bus='virtio'/></disk></devices>
</domain>`;
}
