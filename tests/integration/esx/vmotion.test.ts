import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunningAgent, startAgent } from "@virtmesh/agent/agent";
import { migrationModule } from "@virtmesh/agent/migration/module";
import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import { type Domain, DomainServiceService as D, DomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import {
  MigrateDomainRequest,
  MigrationMode,
  MigrationServiceService as M,
  MigrationStorage,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import { OperationServiceService as O } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { createEsxDriver } from "@virtmesh/esx-agent/driver";
import { type Channel, connect, unaryCall } from "@virtmesh/kit/grpc-client";
import { Scope } from "@virtmesh/kit/scope";
import { startNats } from "@virtmesh/lab/nats";
import { startVcsim, type Vcsim } from "@virtmesh/lab/vcsim";
import { type AgentDirectory, watchAgents } from "@virtmesh/mesh/registry";

jest.setTimeout(60_000);

const HOSTS = { "host-a": "DC0/DC0_H0", "host-b": "DC0/DC0_H1" } as const;
type Host = keyof typeof HOSTS;
const uriOf = (host: Host): string => `vpx://${host}/${HOSTS[host]}`;
const RUNNING = { state: DomainState.DOMAIN_STATE_RUNNING };

/** Two hosts of one vCenter, each behind an agent of its own. */
class TwoHosts extends Scope {
  readonly #vcenter: Vcsim;
  readonly #nats: string;
  readonly #dir: string;
  readonly #agents = new Map<Host, { readonly agent: RunningAgent; readonly channel: Channel }>();
  readonly #directories = new Map<Host, AgentDirectory>();
  /** `host-a started migrated`, of the guests' lives and in the order heard. */
  readonly told: string[] = [];

  private constructor(vcenter: Vcsim, nats: string, dir: string) {
    super();
    this.#vcenter = vcenter;
    this.#nats = nats;
    this.#dir = dir;
  }

  static async start(delays: Readonly<Record<string, number>> = {}): Promise<TwoHosts> {
    const vcenter = await startVcsim({ kind: "vcenter", hosts: 2, guests: 1, delays });
    const nats = await startNats();
    const dir = await mkdtemp(join(tmpdir(), "vm-vmotion-"));
    const hosts = new TwoHosts(vcenter, nats.url, dir);
    hosts.defer(async () => {
      await nats[Symbol.asyncDispose]();
      await vcenter[Symbol.asyncDispose]();
      await rm(dir, { recursive: true, force: true });
    });
    await hosts.open("host-a");
    await hosts.open("host-b");
    for (const host of ["host-a", "host-b"] as const) await hosts.knowsBoth(host);
    hosts.defer(async () => {
      for (const host of hosts.#agents.keys()) await hosts.end(host);
    });
    return hosts;
  }

  async open(host: Host): Promise<void> {
    const { host: name, port, ca, user, password } = this.#vcenter;
    const agent = await startAgent({
      ...{ host, listen: "127.0.0.1:0", nats: { servers: [this.#nats] } },
      ...{ stateDir: join(this.#dir, host, "state"), runDir: join(this.#dir, host, "run") },
      createDriver: async ({ logger, signal }) => {
        const where = {
          endpoint: { host: name, port, ca },
          credentials: { user, password },
          path: HOSTS[host],
        };
        const driver = await createEsxDriver({ ...where, logger, signal });
        driver.domains.subscribe(({ body }) => {
          if (body.kind === "lifecycle") this.told.push(`${host} ${body.type} ${body.detail}`.trim());
        });
        return driver;
      },
      modules: [
        migrationModule,
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
  async knowsBoth(host: Host): Promise<void> {
    const directory = this.#directories.get(host);
    const both = Promise.withResolvers<void>();
    const look = (): void => {
      if (directory?.list().length === 2) both.resolve();
    };
    using _listening = directory?.onChange(look);
    look();
    await both.promise;
  }

  async end(host: Host): Promise<void> {
    const found = this.#agents.get(host);
    this.#agents.delete(host);
    await found?.channel[Symbol.asyncDispose]();
    await found?.agent[Symbol.asyncDispose]();
  }

  channel(host: Host): Channel {
    const found = this.#agents.get(host);
    if (found === undefined) throw new Error(`the agent of ${host} does not run`);
    return found.channel;
  }

  get(host: Host, domain: string): Promise<Domain> {
    const signal = AbortSignal.timeout(20_000);
    return unaryCall(this.channel(host), D.getDomain, { uri: uriOf(host), domain }, { signal });
  }

  names(host: Host): readonly string[] {
    return (
      this.#agents
        .get(host)
        ?.agent.driver.domains.list()
        .map(({ name }) => name) ?? []
    );
  }

  migrate(
    domain: string,
    more: Partial<MigrateDomainRequest> = {},
    from: Host = "host-a",
  ): Promise<Operation> {
    const to = from === "host-a" ? "host-b" : "host-a";
    const request = MigrateDomainRequest.fromPartial({
      ...{ uri: uriOf(from), domain, destinationUri: uriOf(to), plaintext: true },
      ...{ mode: MigrationMode.MIGRATION_MODE_LIVE, storage: MigrationStorage.MIGRATION_STORAGE_SHARED },
      ...more,
    });
    const signal = AbortSignal.timeout(20_000);
    return unaryCall(this.channel(from), M.migrateDomain, request, { signal });
  }

  /** What it ended with: empty for success. */
  async outcome({ name }: Operation, at: Host = "host-a"): Promise<string> {
    const request = { uri: uriOf(at), name, timeout: { seconds: 15n, nanos: 0 } };
    const ended = await unaryCall(this.channel(at), O.waitOperation, request, {
      signal: AbortSignal.timeout(20_000),
    });
    expect(ended.done).toBe(true);
    return ended.result?.$case === "error" ? ended.result.value.message : "";
  }
}

describe("a guest of one host of a vCenter", () => {
  const GUEST = "DC0_H0_VM0";

  it("goes to another host of it while it runs, and says so on both", async () => {
    await using hosts = await TwoHosts.start();
    expect(hosts.names("host-a")).toEqual([GUEST]);
    expect(await hosts.outcome(await hosts.migrate(GUEST))).toBe("");
    expect(await hosts.get("host-b", GUEST)).toMatchObject({ ...RUNNING, stateReason: "migrated" });
    await expect(hosts.get("host-a", GUEST)).rejects.toMatchObject({ reason: "DOMAIN_NOT_FOUND" });
    expect(hosts.told).toEqual([
      "host-b defined added",
      "host-b started migrated",
      "host-a stopped migrated",
      "host-a undefined removed",
    ]);
  });

  it("goes there with its disks, and back", async () => {
    await using hosts = await TwoHosts.start();
    const storage = MigrationStorage.MIGRATION_STORAGE_COPY;
    expect(await hosts.outcome(await hosts.migrate(GUEST, { storage }))).toBe("");
    expect(await hosts.get("host-b", GUEST)).toMatchObject(RUNNING);
    expect(await hosts.outcome(await hosts.migrate(GUEST, { storage }, "host-b"), "host-b")).toBe("");
    expect(await hosts.get("host-a", GUEST)).toMatchObject(RUNNING);
    expect(hosts.names("host-b")).not.toContain(GUEST);
  });

  it("goes there while it is off", async () => {
    await using hosts = await TwoHosts.start();
    const domain = GUEST;
    const signal = AbortSignal.timeout(20_000);
    await unaryCall(
      hosts.channel("host-a"),
      D.destroyDomain,
      { uri: uriOf("host-a"), requestId: "", domain },
      { signal },
    );
    const mode = MigrationMode.MIGRATION_MODE_OFFLINE;
    expect(await hosts.outcome(await hosts.migrate(GUEST, { mode }))).toBe("");
    expect(hosts.names("host-a")).toEqual([]);
    expect(await hosts.get("host-b", GUEST)).toMatchObject({ state: DomainState.DOMAIN_STATE_SHUTOFF });
  });

  it("is where it was when the move is called off, though the server had made it", async () => {
    await using hosts = await TwoHosts.start({ RelocateVM_Task: 500 });
    const operation = await hosts.migrate(GUEST);
    const signal = AbortSignal.timeout(20_000);
    await unaryCall(
      hosts.channel("host-a"),
      O.cancelOperation,
      { uri: uriOf("host-a"), name: operation.name },
      { signal },
    );
    expect(await hosts.outcome(operation)).toContain("cancelled");
    expect(await hosts.get("host-a", GUEST)).toMatchObject(RUNNING);
    expect(hosts.names("host-b")).not.toContain(GUEST);
  });

  it("is where it was when the agent that sends it was started again on the way", async () => {
    await using hosts = await TwoHosts.start({ RelocateVM_Task: 500 });
    const operation = await hosts.migrate(GUEST);
    await hosts.end("host-a");
    await hosts.open("host-a");
    expect(await hosts.outcome(operation)).toContain("restarted before the decision");
    expect(await hosts.get("host-a", GUEST)).toMatchObject(RUNNING);
    expect(hosts.names("host-b")).not.toContain(GUEST);
  });

  it.each<[string, Partial<MigrateDomainRequest>, string]>([
    ["paused", { paused: true }, "goes on running"],
    ["by another name", { destinationName: "other" }, "no other name"],
    ["by post-copy", { postcopy: true }, "no post-copy"],
  ])("is not moved %s", async (_, more, why) => {
    await using hosts = await TwoHosts.start();
    await expect(hosts.migrate(GUEST, more)).rejects.toMatchObject({
      reason: "MIGRATION_BLOCKED",
      message: expect.stringContaining(why),
    });
    expect(hosts.names("host-a")).toEqual([GUEST]);
  });
});
