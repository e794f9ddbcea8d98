import { mkdtemp, rm } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MigrationSourceFacet, OutgoingMigration } from "@virtmesh/core/driver/migration";
import { VirtError } from "@virtmesh/core/errors";
import { hostName } from "@virtmesh/core/ids";
import type { SourceHypervisorFact } from "@virtmesh/core/migration/facts";
import { createLogger } from "@virtmesh/kit/logger";
import type { MigrationContext } from "./context.ts";
import { type JournalHeader, MigrationJournal, readJournal } from "./journal.ts";
import { sampleOffer } from "./sample-offer.ts";
import { SourceRunner } from "./source-runner.ts";

const { plan } = sampleOffer();
const header: JournalHeader = {
  ...{ side: "source", sourceUri: "test://host-a/default", destinationUri: "test://host-b/default" },
  offer: sampleOffer({ plan: { ...plan, mode: "offline" }, disks: [] }),
  ...{ undefineSource: false, startedAtMs: 1, actor: "", trace: "" },
};

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "virtmesh-source-"));
});
afterEach(() => rm(dir, { recursive: true }));

interface Nats {
  readonly takeBack: () => Promise<void>;
  readonly hasTakenBack: boolean;
  readonly bump?: () => Promise<void>;
  readonly onEnd?: () => void;
}

const nothing = (): undefined => undefined;
const unheard = async (): Promise<never> => {
  throw new VirtError("RUN_TOKEN_UNREACHABLE", "NATS does not answer");
};

/** A source whose destination is off, and whose record and run token are written as NATS would. */
async function source(nats: Nats) {
  return new SourceRunner(contextOf(nats), header, await MigrationJournal.create(dir, header));
}

function contextOf(nats: Nats, migrationSource: Partial<MigrationSourceFacet> = {}): MigrationContext {
  return {
    ...{ host: hostName("host-a"), journalDir: dir, stallMs: 0, driver: { migrationSource } },
    tokens: {
      ...{ takeBack: nats.takeBack, hasTakenBack: async () => nats.hasTakenBack },
      bump: nats.bump ?? (async () => undefined),
    },
    records: { fence: async () => "source", decide: unheard },
    peer: () => {
      throw new VirtError("HOST_GONE", "it is off");
    },
    onChance: () => ({ [Symbol.dispose]: nothing }),
    logger: createLogger({ service: "test", level: "silent" }),
    signal: new AbortController().signal,
    news: { began: nothing, heard: nothing, ended: nats.onEnd ?? nothing, progressed: nothing },
  } as unknown as MigrationContext;
}

describe("a guest that an operator takes back while NATS does not answer", () => {
  it("goes on here when NATS had heard of it: the destination, coming back, will end what it has", async () => {
    await using runner = await source({ takeBack: unheard, hasTakenBack: true });
    await runner.resume("decided");
    await expect(runner.takeBack("admin")).rejects.toMatchObject({ reason: "RUN_TOKEN_UNREACHABLE" });
    expect(await runner.done).toMatchObject({ outcome: "stayed", guestLost: false });
  });

  it("is not free for its next migration before its token was counted up, which that would count from", async () => {
    const order: string[] = [];
    await using runner = await source({
      ...{ takeBack: async () => undefined, hasTakenBack: true, onEnd: () => void order.push("ended") },
      bump: async () => {
        await delay(50);
        order.push("counted up");
      },
    });
    await runner.resume("decided");
    await runner.takeBack("admin");
    await runner.done;
    expect(order[0]).toBe("counted up");
    expect(order).toContain("ended");
  });

  it("is written down before NATS can hear of it", async () => {
    const written = Promise.withResolvers<unknown>();
    const takeBack = async (): Promise<void> =>
      written.resolve((await readJournal(dir, plan.id, "source"))?.lines.map((l) => l.entry));
    await using runner = await source({ takeBack, hasTakenBack: true });
    await runner.resume("decided");
    await runner.takeBack("admin");
    await runner.done;
    expect(await written.promise).toEqual(["takingBack"]);
  });

  it("goes on here too when the agent was killed before it had heard that it may", async () => {
    await using runner = await source({ takeBack: unheard, hasTakenBack: true });
    await runner.resume("decided", undefined, true);
    expect(await runner.done).toMatchObject({ outcome: "stayed", guestLost: false });
  });

  it("stands still as before when NATS had not heard of it", async () => {
    await using runner = await source({ takeBack: unheard, hasTakenBack: false });
    await runner.resume("decided", undefined, true);
    await new Promise((resolve) => setImmediate(resolve));
    expect(runner.state.phase).toBe("resuming");
  });
});

/** A guest that its hypervisor refuses to let go on as before, as often as is said. */
class StubbornGuest {
  refusals: number;
  /** How often it does not answer when it is taken up again. */
  silences = 0;
  isHome = false;
  readonly #refused = Promise.withResolvers<void>();

  constructor(refusals: number) {
    this.refusals = refusals;
  }

  get facet(): Partial<MigrationSourceFacet> {
    return {
      open: async (_offer, sink) => this.#outgoing(sink),
      reopen: async (_offer, sink) => {
        if (this.silences-- > 0) throw new VirtError("HYPERVISOR_UNRESPONSIVE", "it does not answer");
        return this.#outgoing(sink);
      },
    };
  }

  get refused(): Promise<void> {
    return this.#refused.promise;
  }

  #outgoing(sink: (fact: SourceHypervisorFact) => void): OutgoingMigration {
    const rollBack = async (): Promise<void> => {
      if (this.refusals-- > 0) {
        this.#refused.resolve();
        throw new VirtError("HYPERVISOR_FAILED", "Xen does not let it go on");
      }
      this.isHome = true;
      sink({ fact: "rolledBack" });
    };
    return { rollBack, close: nothing } as unknown as OutgoingMigration;
  }
}

describe("a guest that its hypervisor does not let go on when its migration is given up", () => {
  const live: JournalHeader = { ...header, offer: sampleOffer({ disks: [] }) };
  const NATS: Nats = { takeBack: async () => undefined, hasTakenBack: false };
  const runnerOf = async (guest: StubbornGuest): Promise<SourceRunner> =>
    new SourceRunner(contextOf(NATS, guest.facet), live, await MigrationJournal.create(dir, live, "begun"));

  it("is let go on by a later try, and only then is its migration over", async () => {
    // It is told to at once, and once more when the destination is found to be gone.
    const guest = new StubbornGuest(2);
    await using runner = await runnerOf(guest);
    await runner.begin();
    await guest.refused;
    expect(await runner.done).toMatchObject({ outcome: "stayed", guestLost: false });
    expect(guest.isHome).toBe(true);
  });

  it("is shown with what its hypervisor says, by a migration that stays open", async () => {
    const guest = new StubbornGuest(Number.POSITIVE_INFINITY);
    await using runner = await runnerOf(guest);
    await runner.begin();
    await guest.refused;
    await new Promise((resolve) => setImmediate(resolve));
    expect(runner.state.phase).toBe("aborting");
    expect(runner.progress.stuckReason).toContain("Xen does not let it go on");
  });

  it("may be destroyed by its user instead, which ends the migration", async () => {
    const guest = new StubbornGuest(Number.POSITIVE_INFINITY);
    await using runner = await runnerOf(guest);
    await runner.begin();
    await guest.refused;
    expect(runner.abandon("ann")).toBe(true);
    expect(await runner.done).toMatchObject({ outcome: "stayed", guestLost: "here" });
  });

  it("is let go on by the agent that comes next, also when its hypervisor does not answer at first", async () => {
    const guest = new StubbornGuest(Number.POSITIVE_INFINITY);
    {
      await using first = await runnerOf(guest);
      await first.begin();
      await guest.refused;
      expect(first.state.phase).toBe("aborting");
    }
    guest.refusals = 2;
    guest.silences = 1;
    const journal = await MigrationJournal.reopen(dir, plan.id, "source");
    await using next = new SourceRunner(contextOf(NATS, guest.facet), live, journal);
    await next.resume("aborting");
    expect(await next.done).toMatchObject({ outcome: "stayed", guestLost: false });
    expect(guest.isHome).toBe(true);
  });
});
