import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generation, hostName, newDomainUuid } from "@virtmesh/core/ids";
import type { RunToken } from "@virtmesh/api/gen/virtmesh/v1/migration_peer";
import { VirtError } from "@virtmesh/core/errors";
import { createLogger } from "@virtmesh/kit/logger";
import { TokenGuard } from "./token-guard.ts";
import { TokenJournal } from "./token-journal.ts";

const call = { signal: new AbortController().signal };
let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tokens-"));
});
afterEach(() => rm(dir, { recursive: true }));

/** A guard without NATS: the journal alone decides. How it deals with NATS is tested against a real one. */
async function alone(): Promise<TokenGuard> {
  return new TokenGuard({
    journal: await TokenJournal.open(join(dir, "tokens.json")),
    host: hostName("host-a"),
    hypervisor: "test",
    logger: createLogger({ service: "test", level: "silent" }),
    signal: call.signal,
  });
}

describe("run tokens of an agent that works alone", () => {
  it("begin with generation 1 and stay", async () => {
    await using guard = await alone();
    const uuid = newDomainUuid();
    expect(guard.generationOf(uuid)).toBe(0n);
    expect(await guard.ensure(uuid, false, call)).toBe(1n);
    expect(await guard.ensure(uuid, false, call)).toBe(1n);
    expect(guard.generationOf(uuid)).toBe(1n);
  });

  it("survive a restart of the agent", async () => {
    const uuid = newDomainUuid();
    {
      await using guard = await alone();
      await guard.adopt(uuid, generation(7n));
    }
    await using guard = await alone();
    expect(guard.generationOf(uuid)).toBe(7n);
    expect(guard.held()).toEqual([{ uuid, generation: 7n }]);
  });

  it("keep a guest from starting that was handed to another host, naming it, also after a restart", async () => {
    const uuid = newDomainUuid();
    {
      await using guard = await alone();
      await guard.ensure(uuid, false, call);
      await guard.surrender(uuid, { host: "host-b", generation: generation(2n) });
    }
    await using guard = await alone();
    expect(guard.generationOf(uuid)).toBe(0n);
    expect(guard.lastGenerationOf(uuid)).toBe(2n);
    await expect(guard.ensure(uuid, false, call)).rejects.toMatchObject({
      reason: "RUN_TOKEN_ELSEWHERE",
      context: { metadata: { owner_host: "host-b", generation: "2" } },
    });
  });

  it("come back with a guest that comes back, under its new generation", async () => {
    await using guard = await alone();
    const uuid = newDomainUuid();
    await guard.ensure(uuid, false, call);
    await guard.surrender(uuid, { host: "host-b", generation: generation(2n) });
    await guard.adopt(uuid, generation(3n));
    expect(await guard.ensure(uuid, false, call)).toBe(3n);
  });

  it("do not come back by the late end of an older migration, when the guest has moved away since", async () => {
    await using guard = await alone();
    const uuid = newDomainUuid();
    await guard.bump(uuid, generation(3n));
    await guard.surrender(uuid, { host: "host-b", generation: generation(4n) });
    await guard.bump(uuid, generation(3n));
    await expect(guard.ensure(uuid, false, call)).rejects.toMatchObject({ reason: "RUN_TOKEN_ELSEWHERE" });
  });

  it("are forgotten with the guest", async () => {
    await using guard = await alone();
    const uuid = newDomainUuid();
    await guard.ensure(uuid, false, call);
    await guard.release(uuid);
    expect(guard.held()).toEqual([]);
    expect(JSON.parse(await readFile(join(dir, "tokens.json"), "utf8"))).toEqual({});
  });

  it("are all on disk when many are asked for at once", async () => {
    await using guard = await alone();
    await Promise.all(Array.from({ length: 50 }, () => guard.ensure(newDomainUuid(), true, call)));
    expect(Object.keys(JSON.parse(await readFile(join(dir, "tokens.json"), "utf8")) as object)).toHaveLength(
      50,
    );
  });
});

describe("run tokens while NATS stands still and its connection lives", () => {
  it("are told again until NATS has them: no new connection would do it", async () => {
    const told = Promise.withResolvers<RunToken>();
    let attempts = 0;
    const handOver = async (token: RunToken): Promise<RunToken> => {
      attempts += 1;
      if (attempts === 1) throw new VirtError("RUN_TOKEN_UNREACHABLE", "NATS does not answer");
      told.resolve(token);
      return token;
    };
    const never = async (): Promise<never> => {
      throw new Error("nobody asks for this here");
    };
    await using guard = new TokenGuard({
      journal: await TokenJournal.open(join(dir, "tokens.json")),
      host: hostName("host-a"),
      hypervisor: "test",
      logger: createLogger({ service: "test", level: "silent" }),
      signal: call.signal,
      owners: { claim: never, read: never, release: never, unfence: never, handOver },
      isConnected: () => true,
    });
    const uuid = newDomainUuid();
    await guard.adopt(uuid, generation(4n));
    expect(await told.promise).toMatchObject({ domainUuid: uuid, host: "host-a", generation: 4n });
  });
});

describe("run tokens of a guest that a migration holds while NATS comes back", () => {
  it("are brought together when the migration is over: there may be no other connection for days", async () => {
    const told = Promise.withResolvers<RunToken>();
    const over = Promise.withResolvers<void>();
    const never = async (): Promise<never> => {
      throw new Error("nobody asks for this here");
    };
    const uuid = newDomainUuid();
    const owner = { domainUuid: uuid, host: "host-a", hypervisor: "test", migrationId: "", fencedHosts: [] };
    let connected = false;
    await using guard = new TokenGuard({
      journal: await TokenJournal.open(join(dir, "tokens.json")),
      host: hostName("host-a"),
      hypervisor: "test",
      logger: createLogger({ service: "test", level: "silent" }),
      signal: call.signal,
      owners: {
        ...{ claim: never, release: never, unfence: never },
        read: async () => ({ ...owner, generation: 7n }),
        handOver: async (token) => {
          told.resolve(token);
          return token;
        },
      },
      isConnected: () => connected,
    });
    let busy = true;
    // The promise of a destination raises it while NATS is away, and the migration goes on until NATS is back.
    await guard.bump(uuid, generation(9n));
    connected = true;
    await guard.reconcile({
      known: () => [uuid],
      isActive: () => true,
      whenFree: () => (busy ? over.promise : undefined),
    });
    busy = false;
    over.resolve();
    expect(await told.promise).toMatchObject({ host: "host-a", generation: 9n });
  });
});

const FENCED = { migrationId: "", fencedHosts: ["host-b"] };

describe("the run token of a guest that goes and comes back at once", () => {
  /** The bucket as it is, with an answer to a release that waits. */
  class Bucket {
    token: RunToken | undefined;
    readonly released = Promise.withResolvers<void>();
    readonly #gate: Promise<void>;

    constructor(gate: Promise<void>) {
      this.#gate = gate;
    }

    readonly owners = {
      claim: async (uuid: string, host: string, hypervisor: string, _bounds: object, above = 0n) => {
        const stored = this.token;
        if (stored !== undefined && stored.host !== "" && stored.generation > above) return stored;
        const now = stored?.generation ?? 0n;
        this.token = {
          ...{ domainUuid: uuid, host, hypervisor, migrationId: "", fencedHosts: [] },
          generation: (now > above ? now : above) + 1n,
        };
        return this.token;
      },
      read: async () => this.token,
      unfence: async () => undefined,
      handOver: async (token: RunToken) => token,
      release: async (_uuid: string, host: string, upTo: bigint) => {
        await this.#gate;
        if (this.token?.host === host && this.token.generation <= upTo)
          this.token = { ...this.token, host: "" };
        this.released.resolve();
      },
    };
  }

  async function guardOn(bucket: Bucket, isConnected: () => boolean) {
    return new TokenGuard({
      journal: await TokenJournal.open(join(dir, "tokens.json")),
      host: hostName("host-a"),
      hypervisor: "test",
      logger: createLogger({ service: "test", level: "silent" }),
      signal: call.signal,
      owners: bucket.owners,
      isConnected,
    });
  }

  it("is not freed by the word of its going, which NATS hears last: another host could take it", async () => {
    const gate = Promise.withResolvers<void>();
    const bucket = new Bucket(gate.promise);
    await using guard = await guardOn(bucket, () => true);
    const uuid = newDomainUuid();
    await guard.ensure(uuid, false, call);
    await guard.release(uuid);
    const held = await guard.ensure(uuid, false, call);
    gate.resolve();
    await bucket.released.promise;
    expect(bucket.token).toMatchObject({ host: "host-a", generation: held });
    expect(guard.held()).toEqual([{ uuid, generation: held }]);
  });

  it("stays what it was when NATS was away and has not heard of it at all", async () => {
    let connected = true;
    const bucket = new Bucket(Promise.resolve());
    await using guard = await guardOn(bucket, () => connected);
    const uuid = newDomainUuid();
    const first = await guard.ensure(uuid, false, call);
    connected = false;
    await guard.release(uuid);
    bucket.owners.claim = () => Promise.reject(new VirtError("RUN_TOKEN_UNREACHABLE", "NATS is away"));
    expect(await guard.ensure(uuid, false, call)).toBe(first);
  });

  it("goes after all when NATS could not be asked whether it may come back", async () => {
    let connected = true;
    const bucket = new Bucket(Promise.resolve());
    const gate = Promise.withResolvers<void>();
    const { claim, release } = bucket.owners;
    await using guard = await guardOn(bucket, () => connected);
    const uuid = newDomainUuid();
    await guard.ensure(uuid, false, call);
    // The word of its going is lost on its way, as far as the agent knows.
    bucket.owners.release = async () => {
      gate.resolve();
      connected = false;
      throw new VirtError("RUN_TOKEN_UNREACHABLE", "NATS does not answer");
    };
    await guard.release(uuid);
    await gate.promise;
    // It is written, and its answer is lost.
    bucket.owners.claim = async (...args) => {
      await claim(...args);
      throw new VirtError("RUN_TOKEN_UNREACHABLE", "NATS does not answer");
    };
    await expect(guard.ensure(uuid, false, call)).rejects.toMatchObject({ reason: "RUN_TOKEN_UNREACHABLE" });
    bucket.owners.release = release;
    connected = true;
    await guard.reconcile({ known: () => [], isActive: () => false, whenFree: () => undefined });
    expect(bucket.token?.host).toBe("");
    expect(guard.held()).toEqual([]);
  });

  it("is held again when NATS has heard that it was taken back, and not when it has not", async () => {
    const bucket = new Bucket(Promise.resolve());
    await using guard = await guardOn(bucket, () => true);
    const uuid = newDomainUuid();
    expect(await guard.hasTakenBack(uuid, generation(3n))).toBe(false);
    bucket.token = { ...{ domainUuid: uuid, host: "host-a", hypervisor: "test" }, generation: 3n, ...FENCED };
    expect(await guard.hasTakenBack(uuid, generation(4n))).toBe(false);
    expect(guard.generationOf(uuid)).toBe(0n);
    expect(await guard.hasTakenBack(uuid, generation(3n))).toBe(true);
    expect(guard.generationOf(uuid)).toBe(3n);
  });
});
