import { startNats } from "@virtmesh/lab/nats";
import { newMigrationId } from "@virtmesh/core/ids";
import { publishFact, replayFacts } from "@virtmesh/mesh/migration-facts";
import { connected, lifecycleEvent } from "./support.ts";

jest.setTimeout(60_000);

describe("migration facts", () => {
  it("are replayed in order, for one migration, and end", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    const id = newMigrationId();
    const other = newMigrationId();
    await publishFact(mesh, id, { side: "destination", fact: "prepared", event: lifecycleEvent(1) });
    await publishFact(mesh, other, { side: "source", fact: "retired", event: lifecycleEvent(2) });
    await publishFact(mesh, id, { side: "source", fact: "mirrorReady", event: lifecycleEvent(3) });
    const facts: string[] = [];
    for await (const { side, fact, event } of replayFacts(mesh, id, AbortSignal.timeout(20_000))) {
      facts.push(`${side} ${fact} ${event.sequence}`);
    }
    expect(facts).toEqual(["destination prepared 1", "source mirrorReady 3"]);
    const none = replayFacts(mesh, newMigrationId(), AbortSignal.timeout(20_000));
    expect((await none.next()).done).toBe(true);
  });
});
