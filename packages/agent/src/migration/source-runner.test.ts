import { mkdtemp, rm } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VirtError } from "@virtmesh/core/errors";
import { hostName } from "@virtmesh/core/ids";
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

/** A source whose destination is off, and whose record and run token are written as NATS would. */
async function source(nats: {
  readonly takeBack: () => Promise<void>;
  readonly hasTakenBack: boolean;
  readonly bump?: () => Promise<void>;
  readonly onEnd?: () => void;
}) {
  const nothing = (): undefined => undefined;
  const c = {
    ...{ host: hostName("host-a"), journalDir: dir, stallMs: 0, driver: {} },
    tokens: {
      ...{ takeBack: nats.takeBack, hasTakenBack: async () => nats.hasTakenBack },
      bump: nats.bump ?? (async () => undefined),
    },
    records: { fence: async () => "source" },
    peer: () => {
      throw new VirtError("HOST_GONE", "it is off");
    },
    onChance: () => ({ [Symbol.dispose]: nothing }),
    logger: createLogger({ service: "test", level: "silent" }),
    signal: new AbortController().signal,
    news: { began: nothing, heard: nothing, ended: nats.onEnd ?? nothing, progressed: nothing },
  } as unknown as MigrationContext;
  return new SourceRunner(c, header, await MigrationJournal.create(dir, header));
}

const unheard = async (): Promise<never> => {
  throw new VirtError("RUN_TOKEN_UNREACHABLE", "NATS does not answer");
};

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
    expect(order.slice(0, 2)).toEqual(["counted up", "ended"]);
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
