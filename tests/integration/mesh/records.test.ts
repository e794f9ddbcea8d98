import { startNats } from "@virtmesh/lab/nats";
import type { Mesh } from "@virtmesh/mesh/connection";
import type { NewRecord } from "@virtmesh/mesh/records";
import { MigrationRecords } from "@virtmesh/mesh/records";
import type { MigrationId } from "@virtmesh/core/ids";
import { generation, newMigrationId } from "@virtmesh/core/ids";
import { untilStopped } from "../../faults/lab/stopped.ts";
import { connected, GUEST } from "./support.ts";

jest.setTimeout(60_000);

const TWO = generation(2n);

function recordOf(id: MigrationId): NewRecord {
  return {
    id,
    domainUuid: GUEST,
    domainName: "guest",
    sourceHost: "host-a",
    sourceUri: "test://host-a/default",
    destinationHost: "host-b",
    destinationUri: "test://host-b/default",
    generation: 1n,
  };
}

async function opened(mesh: Mesh): Promise<{ records: MigrationRecords; id: MigrationId }> {
  const records = new MigrationRecords(mesh);
  const id = newMigrationId();
  await records.open(recordOf(id));
  return { records, id };
}

describe("MigrationRecords", () => {
  it("opens undecided, and once more for the same migration, but not for another", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    const { records, id } = await opened(mesh);
    expect(await records.read(id)).toBe("undecided");
    await records.open(recordOf(id));
    await expect(records.open({ ...recordOf(id), destinationHost: "host-c" })).rejects.toMatchObject({
      reason: "MIGRATION_FAILED",
    });
    expect(await records.read(newMigrationId())).toBe("absent");
  });

  it("is decided once: who comes later is told the decision, who repeats it too", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    const { records, id } = await opened(mesh);
    expect(await records.decide(id, "destination", TWO)).toBe("destination");
    expect(await records.decide(id, "destination", TWO)).toBe("destination");
    expect(await records.decide(id, "source", TWO)).toBe("destination");
    expect((await records.get(id))?.record).toMatchObject({ generation: 2n, domainName: "guest" });
  });

  it("has one winner when two decide at the same moment", async () => {
    await using nats = await startNats();
    await using one = await connected(nats.url);
    await using two = await connected(nats.url);
    const other = new MigrationRecords(two);
    const winners = new Set<string>();
    for (let round = 0; round < 50; round++) {
      const { records, id } = await opened(one);
      const [a, b] = await Promise.all([
        records.decide(id, "source", TWO),
        other.decide(id, "destination", TWO),
      ]);
      expect(a).toBe(b);
      expect(await records.read(id)).toBe(a);
      winners.add(a);
    }
    expect([...winners].every((w) => w === "source" || w === "destination")).toBe(true);
  });

  it("says unknown when NATS stops answering at the decision, and a later read settles it", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    const { records, id } = await opened(mesh);
    nats.pause();
    await untilStopped(nats.pid);
    expect(await records.decide(id, "destination", TWO, { timeoutMs: 300 })).toBe("unknown");
    expect(await records.read(id, { timeoutMs: 300 })).toBe("unknown");
    nats.resume();
    const settled = await records.decide(id, "destination", TWO, { timeoutMs: 10_000 });
    expect(settled).toBe("destination");
    expect(await records.read(id)).toBe("destination");
  });

  it("says unknown when NATS is killed at the decision, and a later read settles it", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    const { records, id } = await opened(mesh);
    nats.pause();
    await untilStopped(nats.pid);
    const deciding = records.decide(id, "destination", TWO, { timeoutMs: 1_000 });
    await nats.kill("SIGKILL");
    expect(await deciding).toBe("unknown");
    await nats.restart();
    // A server that was killed standing still read nothing of it: the decision can be made again.
    expect(await records.read(id, { timeoutMs: 10_000 })).toBe("undecided");
    expect(await records.decide(id, "destination", TWO)).toBe("destination");
  });

  it("says unknown for a record that is not there", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    expect(await new MigrationRecords(mesh).decide(newMigrationId(), "destination", TWO)).toBe("unknown");
  });

  it("fences: the record says source for good, even against a decision that was written", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    const { records, id } = await opened(mesh);
    await records.decide(id, "destination", TWO);
    expect(await records.fence(id, TWO)).toBe("source");
    expect(await records.decide(id, "destination", TWO)).toBe("source");
    const lost = newMigrationId();
    expect(await records.fence(lost, TWO)).toBe("source");
    expect(await records.read(lost)).toBe("source");
  });

  it("fences also what says source already: by its generation a destination that comes back knows that it is fenced", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    const { records, id } = await opened(mesh);
    await records.decide(id, "source", TWO);
    expect(await records.fence(id, generation(4n))).toBe("source");
    expect((await records.get(id))?.record.generation).toBe(4n);
    expect(await records.fence(id, generation(4n))).toBe("source");
  });

  it("fences a decision that is still on its way", async () => {
    await using nats = await startNats();
    await using slow = await connected(nats.url);
    await using mesh = await connected(nats.url);
    const { records, id } = await opened(mesh);
    const before = await records.get(id);
    expect(await records.fence(id, TWO)).toBe("source");
    const late = slow.run("a late write", {}, (s) =>
      s.bucket("migrations").put(id, "late", { previousSeq: before?.revision ?? 0 }),
    );
    await expect(late).rejects.toThrow("wrong last sequence");
    expect(await records.read(id)).toBe("source");
  });

  it("can be watched over a restart of NATS", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    const { records, id } = await opened(mesh);
    const seen: string[] = [];
    for await (const standing of records.watch(id, AbortSignal.timeout(20_000))) {
      seen.push(standing);
      if (standing === "undecided") {
        await nats.restart();
        await records.decide(id, "source", TWO, { timeoutMs: 10_000 });
      } else break;
    }
    expect(seen).toEqual(["undecided", "source"]);
  });
});
