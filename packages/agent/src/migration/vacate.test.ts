import type { MigrationId } from "@virtmesh/core/ids";
import type { SourcePhase } from "@virtmesh/core/migration/source-state";
import { ChangeQueue } from "../changes/queue.ts";
import { sampleOffer } from "./sample-offer.ts";
import { vacated } from "./vacate.ts";

const BEFORE = sampleOffer();
/** The same guest, offered by the host to which it went. */
const BACK = sampleOffer({ plan: { ...BEFORE.plan, id: "back" as MigrationId }, sourceHost: "host-b" });

const { signal } = new AbortController();
const MIGRATING = { verb: "migrate", operation: "operations/before", exclusive: true };

/** A line in which the migration before holds the guest. */
function held() {
  const lines = new ChangeQueue();
  const hold = lines.seize({ uuid: BEFORE.plan.uuid }, MIGRATING);
  const order: string[] = [];
  const end = (): void => {
    order.push("ended");
    hold[Symbol.dispose]();
  };
  const then = (): void => void order.push("taken");
  return { lines, order, end, then };
}

function leaving(phase: SourcePhase) {
  return { header: { offer: BEFORE, destinationUri: "qemu://host-b/system" }, state: { phase } };
}

describe("a guest that is moved back at once", () => {
  it("is taken when the host that it came from has cleared up behind it", async () => {
    const { lines, order, end, then } = held();
    const taken = vacated(lines, [leaving("retiring")], BACK, signal).then(then);
    setImmediate(end);
    await taken;
    expect(order).toEqual(["ended", "taken"]);
  });

  it.each<[string, SourcePhase, string]>([
    ["is not decided", "copying", "host-b"],
    ["went to another host", "retiring", "host-c"],
  ])(
    "is refused at once, as ever, while a migration of it that %s holds it",
    async (_, phase, sourceHost) => {
      const { lines, order, end, then } = held();
      await vacated(lines, [leaving(phase)], { ...BACK, sourceHost }, signal).then(then);
      end();
      expect(order).toEqual(["taken", "ended"]);
    },
  );
});
