import { setImmediate as turn } from "node:timers/promises";
import { domainUuid, type MigrationId } from "@virtmesh/core/ids";
import { IncomingOffers } from "./incoming-offers.ts";
import { sampleOffer } from "./sample-offer.ts";

const { plan } = sampleOffer();
const { signal } = new AbortController();

function offerOf(id: string, more: Partial<typeof plan> = {}) {
  return sampleOffer({ plan: { ...plan, id: id as MigrationId, ...more } });
}

/** Long enough that no promise is demanded while a test runs. */
function offersOfHost() {
  return new IncomingOffers(60_000);
}

function runner(isHeard: boolean) {
  const demanded = Promise.withResolvers<string>();
  return {
    isHeard,
    demanded: demanded.promise,
    tell: ({ fact }: { fact: string }) => demanded.resolve(fact),
  };
}

describe("an offer of a guest that another offer has already", () => {
  it.each(["is still being looked at", "was taken"])(
    "waits for the end of one that %s, whoever made it",
    async (how) => {
      const offers = offersOfHost();
      const first = offers.arrive({ ...offerOf("first"), sourceHost: "host-c" }, signal);
      await offers.turn(first);
      if (how === "was taken") first.take(runner(true));
      const second = offers.arrive(offerOf("second"), signal);
      const waits = offers.turn(second);
      await turn();
      expect(second.hasTurn).toBe(false);
      first[Symbol.dispose]();
      await waits;
      expect(second.hasTurn).toBe(true);
    },
  );

  it("is not let in together with a third that has waited for the same", async () => {
    const offers = offersOfHost();
    const first = offers.arrive(offerOf("first"), signal);
    await offers.turn(first);
    const second = offers.arrive(offerOf("second"), signal);
    const third = offers.arrive(offerOf("third"), signal);
    const waits = [offers.turn(second), offers.turn(third)];
    first[Symbol.dispose]();
    await turn();
    expect([second.hasTurn, third.hasTurn]).toEqual([true, false]);
    second[Symbol.dispose]();
    await Promise.all(waits);
    expect(third.hasTurn).toBe(true);
  });

  it("waits no longer than for the end of its own session, and is not taken then", async () => {
    const offers = offersOfHost();
    await offers.turn(offers.arrive(offerOf("first"), signal));
    const session = new AbortController();
    const waits = offers.turn(offers.arrive(offerOf("second"), session.signal));
    session.abort(new Error("it ended the session"));
    await expect(waits).rejects.toThrow("it ended the session");
  });

  it("does not wait for one of another guest", async () => {
    const offers = offersOfHost();
    await offers.turn(offers.arrive(offerOf("first"), signal));
    const other = offers.arrive(
      offerOf("other", { uuid: domainUuid("0a0a0a0a-0000-4000-8000-000000000007") }),
      signal,
    );
    await offers.turn(other);
    expect(other.hasTurn).toBe(true);
  });
});

describe("a migration that was taken, and whose guest its host offers again", () => {
  it("is made to promise when it has no session, once the other has had one long enough", async () => {
    const offers = new IncomingOffers(1);
    const before = runner(false);
    const first = offers.seize(offerOf("first"), before);
    const waits = offers.turn(offers.arrive(offerOf("second"), signal));
    expect(await before.demanded).toBe("promiseDemanded");
    first[Symbol.dispose]();
    await waits;
  });

  it.each([
    ["its source is heard", true, "host-a"],
    ["another host offers it", false, "host-c"],
  ])("goes on when %s", async (_, isHeard, sourceHost) => {
    const offers = new IncomingOffers(1);
    const before = runner(isHeard);
    const first = offers.seize(offerOf("first"), before);
    const session = new AbortController();
    const waits = offers.turn(offers.arrive({ ...offerOf("second"), sourceHost }, session.signal));
    const looked = new Promise((resolve) => setTimeout(resolve, 20, "nothing"));
    expect(await Promise.race([before.demanded, looked])).toBe("nothing");
    first[Symbol.dispose]();
    await waits;
  });
});

describe("an offer that its source has given up by another way", () => {
  it("is never taken, and that is known before anything is promised", async () => {
    const offers = offersOfHost();
    await offers.turn(offers.arrive(offerOf("first"), signal));
    const second = offers.arrive(offerOf("second"), signal);
    const waits = offers.turn(second);
    const order: string[] = [];
    const promised = offers.giveUp("second" as MigrationId).then(() => order.push("promised"));
    await expect(waits).rejects.toMatchObject({ reason: "CANCELLED" });
    order.push("refused");
    second[Symbol.dispose]();
    await promised;
    expect(order).toEqual(["refused", "promised"]);
  });
});
