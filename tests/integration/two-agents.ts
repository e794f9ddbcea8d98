import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AgentOptions, type RunningAgent, startAgent } from "@virtmesh/agent/agent";
import { diskMoveModule } from "@virtmesh/agent/disk-moves/module";
import { migrationModule } from "@virtmesh/agent/migration/module";
import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import { type Domain, DomainServiceService as D } from "@virtmesh/api/gen/virtmesh/v1/domain";
import {
  MigrateDomainRequest,
  MigrationMode,
  MigrationServiceService as M,
  MigrationStorage,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import { OperationServiceService as O } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { type Channel, connect, unaryCall } from "@virtmesh/kit/grpc-client";
import { Scope } from "@virtmesh/kit/scope";
import { startNats } from "@virtmesh/lab/nats";
import { type AgentDirectory, watchAgents } from "@virtmesh/mesh/registry";

export type HostName = "host-a" | "host-b";
const HOSTS = ["host-a", "host-b"] as const;

/** What is behind the agent of each host. */
export interface Behind {
  readonly uri: string;
  readonly createDriver: AgentOptions["createDriver"];
}

const soon = () => ({ signal: AbortSignal.timeout(50_000) });

/** Two hosts of a hypervisor that moves guests by itself, each behind an agent of its own in this process. */
export class TwoAgents extends Scope {
  readonly #behind: Readonly<Record<HostName, Behind>>;
  readonly #nats: string;
  readonly #dir: string;
  readonly #agents = new Map<HostName, { readonly agent: RunningAgent; readonly channel: Channel }>();
  readonly #directories = new Map<HostName, AgentDirectory>();
  /** `host-a started migrated`, of the guests' lives and in the order heard. */
  readonly told: string[] = [];

  private constructor(behind: Readonly<Record<HostName, Behind>>, nats: string, dir: string) {
    super();
    this.#behind = behind;
    this.#nats = nats;
    this.#dir = dir;
  }

  /** `end`: of what is behind them, when they have ended. */
  static async start(
    behind: Readonly<Record<HostName, Behind>>,
    end: () => Promise<void>,
  ): Promise<TwoAgents> {
    const nats = await startNats();
    const dir = await mkdtemp(join(tmpdir(), "virtmesh-two-agents-"));
    const hosts = new TwoAgents(behind, nats.url, dir);
    hosts.defer(async () => {
      await nats[Symbol.asyncDispose]();
      await end();
      await rm(dir, { recursive: true, force: true });
    });
    for (const host of HOSTS) await hosts.open(host);
    for (const host of HOSTS) await hosts.knowsBoth(host);
    hosts.defer(async () => {
      for (const host of hosts.#agents.keys()) await hosts.end(host);
    });
    return hosts;
  }

  async open(host: HostName): Promise<void> {
    const agent = await startAgent({
      ...{ host, listen: "127.0.0.1:0", nats: { servers: [this.#nats] } },
      ...{ stateDir: join(this.#dir, host, "state"), runDir: join(this.#dir, host, "run") },
      createDriver: async (context) => {
        const driver = await this.#behind[host].createDriver(context);
        driver.domains.subscribe(({ body }) => {
          if (body.kind === "lifecycle") this.told.push(`${host} ${body.type} ${body.detail}`.trim());
        });
        return driver;
      },
      modules: [
        migrationModule,
        diskMoveModule,
        // Hears of other agents behind the migrations, over the same connection.
        async ({ mesh }) => {
          const directory = watchAgents(mesh as NonNullable<typeof mesh>);
          this.#directories.set(host, directory);
          return {
            services: [],
            adopted: new Set(),
            [Symbol.asyncDispose]: async () => directory[Symbol.asyncDispose](),
          };
        },
      ],
    });
    this.#agents.set(host, { agent, channel: connect(agent.address) });
  }

  /** Resolves when the agent of a host has heard of both. */
  async knowsBoth(host: HostName): Promise<void> {
    const directory = this.#directories.get(host);
    const both = Promise.withResolvers<void>();
    const look = (): void => {
      if (directory?.list().length === 2) both.resolve();
    };
    using _listening = directory?.onChange(look);
    look();
    await both.promise;
  }

  async end(host: HostName): Promise<void> {
    const found = this.#agents.get(host);
    this.#agents.delete(host);
    await found?.channel[Symbol.asyncDispose]();
    await found?.agent[Symbol.asyncDispose]();
  }

  /** URL of the NATS server that both are at. */
  get nats(): string {
    return this.#nats;
  }

  channel(host: HostName): Channel {
    const found = this.#agents.get(host);
    if (found === undefined) throw new Error(`the agent of ${host} does not run`);
    return found.channel;
  }

  get(host: HostName, domain: string): Promise<Domain> {
    return unaryCall(this.channel(host), D.getDomain, { uri: this.#behind[host].uri, domain }, soon());
  }

  names(host: HostName): readonly string[] {
    return (
      this.#agents
        .get(host)
        ?.agent.driver.domains.list()
        .map(({ name }) => name) ?? []
    );
  }

  async destroy(host: HostName, domain: string): Promise<void> {
    const { uri } = this.#behind[host];
    await unaryCall(this.channel(host), D.destroyDomain, { uri, requestId: "", domain }, soon());
  }

  migrate(
    domain: string,
    more: Partial<MigrateDomainRequest> = {},
    from: HostName = "host-a",
  ): Promise<Operation> {
    const to = from === "host-a" ? "host-b" : "host-a";
    const request = MigrateDomainRequest.fromPartial({
      ...{ uri: this.#behind[from].uri, domain, destinationUri: this.#behind[to].uri, plaintext: true },
      ...{ mode: MigrationMode.MIGRATION_MODE_LIVE, storage: MigrationStorage.MIGRATION_STORAGE_SHARED },
      ...more,
    });
    return unaryCall(this.channel(from), M.migrateDomain, request, soon());
  }

  async cancel({ name }: Operation, at: HostName = "host-a"): Promise<void> {
    await unaryCall(this.channel(at), O.cancelOperation, { uri: this.#behind[at].uri, name }, soon());
  }

  /** What it ended with: empty for success. */
  async outcome({ name }: Operation, at: HostName = "host-a"): Promise<string> {
    const request = { uri: this.#behind[at].uri, name, timeout: { seconds: 45n, nanos: 0 } };
    const ended = await unaryCall(this.channel(at), O.waitOperation, request, soon());
    expect(ended.done).toBe(true);
    return ended.result?.$case === "error" ? ended.result.value.message : "";
  }
}
