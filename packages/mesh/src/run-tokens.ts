import { RunToken } from "@virtmesh/api/gen/virtmesh/v1/migration_peer";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid, HostName } from "@virtmesh/core/ids";
import type { Bounds } from "./bounds.ts";
import type { Mesh, Session } from "./connection.ts";
import { compareAndSet, readKey } from "./kv.ts";

/** Who may run which guest: bucket `owners`, compare-and-set. */
export class RunTokens {
  readonly #mesh: Mesh;

  constructor(mesh: Mesh) {
    this.#mesh = mesh;
  }

  /** undefined when the guest has none, or nobody holds it. Throws RUN_TOKEN_UNREACHABLE. */
  async read(uuid: DomainUuid, bounds: Bounds = {}): Promise<RunToken | undefined> {
    return this.#reach(uuid, bounds, async (session) => {
      const { token } = await readToken(session, uuid);
      return token && token.host !== "" ? token : undefined;
    });
  }

  /**
   * The token, when it is ours or free; a free one is taken with the next generation (1 for a new guest), and so is ours
   * when it is not `above`: what may still be on its way about that generation then finds a later one.
   * RUN_TOKEN_ELSEWHERE names the owner; RUN_TOKEN_UNREACHABLE when NATS does not answer in time.
   */
  async claim(
    uuid: DomainUuid,
    host: HostName,
    hypervisor: string,
    bounds: Bounds = {},
    above = 0n,
  ): Promise<RunToken> {
    return this.#reach(uuid, bounds, (session) =>
      swap(session, uuid, (stored) => {
        const isFree = !stored || stored.host === "";
        if (!isFree && (stored.host !== host || stored.hypervisor !== hypervisor)) throw elsewhere(stored);
        if (!isFree && stored.generation > above) return stored;
        const last = stored?.generation ?? 0n;
        return {
          domainUuid: uuid,
          host,
          hypervisor,
          generation: (last > above ? last : above) + 1n,
          migrationId: "",
          fencedHosts: stored?.fencedHosts ?? [],
        };
      }),
    );
  }

  /**
   * Writes the new owner's token when the stored generation is lower; answers the token that is stored then:
   * the caller's own, or one of a later hand-over. Throws RUN_TOKEN_UNREACHABLE.
   */
  async handOver(token: RunToken, bounds: Bounds = {}): Promise<RunToken> {
    return this.#reach(token.domainUuid, bounds, (session) =>
      swap(session, token.domainUuid, (stored) =>
        stored && stored.generation >= token.generation ? stored : withFences(token, stored),
      ),
    );
  }

  /** A host that an operator had fenced has ended what it had of the guest. */
  async unfence(uuid: DomainUuid, host: HostName, bounds: Bounds = {}): Promise<void> {
    await this.#reach(uuid, bounds, async (session) => {
      const { token } = await readToken(session, uuid);
      if (token === undefined || !token.fencedHosts.includes(host)) return;
      await swap(session, uuid, (stored) => {
        const now = stored ?? token;
        return { ...now, fencedHosts: now.fencedHosts.filter((fenced) => fenced !== host) };
      });
    });
  }

  /**
   * Frees the token when `host` holds it under no later generation: the guest was undefined there, and has not come
   * back since. The generation is kept, so that it never counts back and an old token in some agent's journal stays old.
   */
  async release(uuid: DomainUuid, host: HostName, upTo: bigint, bounds: Bounds = {}): Promise<void> {
    const isMeant = (token: RunToken): boolean => token.host === host && token.generation <= upTo;
    await this.#reach(uuid, bounds, async (session) => {
      const { token } = await readToken(session, uuid);
      if (token === undefined || !isMeant(token)) return;
      await swap(session, uuid, (stored) => {
        const now = stored ?? token;
        return isMeant(now) ? { ...now, host: "", hypervisor: "", migrationId: "" } : now;
      });
    });
  }

  async #reach<T>(uuid: string, bounds: Bounds, operation: (session: Session) => Promise<T>): Promise<T> {
    try {
      return await this.#mesh.run(`the run token of guest ${uuid}`, bounds, operation);
    } catch (e) {
      if (!VirtError.is(e) || e.reason !== "EVENTS_UNAVAILABLE") throw e;
      throw new VirtError(
        "RUN_TOKEN_UNREACHABLE",
        `the run token of guest ${uuid} cannot be read, so it is not known whether it may run here; NATS does not answer`,
        { metadata: { domain: uuid }, retryAfterMs: 1_000 },
        { cause: e },
      );
    }
  }
}

interface StoredToken {
  readonly token: RunToken | undefined;
  readonly revision: number;
}

async function readToken(session: Session, uuid: string): Promise<StoredToken> {
  const { value, revision } = await readKey(session.bucket("owners"), uuid);
  return { token: value && RunToken.decode(value), revision };
}

/** Compare-and-set until nobody was in between; `next` gives back its argument to leave it as it is. */
async function swap(
  session: Session,
  uuid: string,
  next: (stored: RunToken | undefined) => RunToken,
): Promise<RunToken> {
  for (;;) {
    const { token, revision } = await readToken(session, uuid);
    const wanted = next(token);
    if (wanted === token) return wanted;
    const value = RunToken.encode(wanted).finish();
    if ((await compareAndSet(session.bucket("owners"), uuid, value, revision)) !== undefined) return wanted;
    session.signal.throwIfAborted();
  }
}

/** Hosts that were fenced stay so until they have said that they ended their copy, or get the guest anew. */
function withFences(token: RunToken, stored: RunToken | undefined): RunToken {
  const fenced = new Set([...token.fencedHosts, ...(stored?.fencedHosts ?? [])]);
  fenced.delete(token.host);
  return { ...token, fencedHosts: [...fenced] };
}

function elsewhere(owner: RunToken): VirtError {
  return new VirtError(
    "RUN_TOKEN_ELSEWHERE",
    `guest ${owner.domainUuid} belongs to ${owner.hypervisor} on host ${owner.host} (generation ${owner.generation}); migrate it here or undefine it there`,
    {
      metadata: {
        domain: owner.domainUuid,
        owner_host: owner.host,
        owner_hypervisor: owner.hypervisor,
        generation: owner.generation.toString(),
      },
    },
  );
}
