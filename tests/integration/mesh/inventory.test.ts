import { rm } from "node:fs/promises";
import { Domain } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { startNats } from "@virtmesh/lab/nats";
import type { InventoryChange, InventoryView } from "@virtmesh/mesh/inventory";
import { watchInventory, writeInventory } from "@virtmesh/mesh/inventory";
import { connected, nextMatching, nextStatus } from "./support.ts";

jest.setTimeout(60_000);

const limit = (): AbortSignal => AbortSignal.timeout(20_000);
const agent = { host: "host-a", uris: ["test://host-a/default"] };
const otherAgent = { host: "host-a", uris: ["qemu://host-a/system"] };

function domainOf(n: number, name = `guest-${n}`, uri = "test://host-a/default"): Domain {
  const uuid = `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
  return Domain.fromPartial({ uri, host: "host-a", uuid, name });
}

function next(view: InventoryView, test: (change: InventoryChange) => boolean): Promise<InventoryChange> {
  return nextMatching<InventoryChange>((listener) => view.onChange(listener), test);
}

function names(view: InventoryView): string[] {
  return view
    .list()
    .map((d) => d.name)
    .toSorted();
}

describe("inventory", () => {
  it("shows what is written, changed and removed", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    await using view = watchInventory(mesh);
    await view.synced;
    await using writer = writeInventory(mesh, agent);
    const { uuid } = domainOf(1);
    const added = next(view, (c) => c.domain?.name === "guest-1");
    writer.put(domainOf(1));
    await added;
    expect(view.get("host-a", uuid)?.name).toBe("guest-1");
    const renamed = next(view, (c) => c.domain?.name === "renamed");
    writer.put(domainOf(1, "renamed"));
    await renamed;
    expect(view.byUuid(uuid).map((d) => d.host)).toEqual(["host-a"]);
    const removed = next(view, (c) => c.domain === undefined);
    writer.remove(uuid);
    await removed;
    expect(view.list()).toEqual([]);
    expect(view.byUuid(uuid)).toEqual([]);
  });

  it("ends with the latest of many values, without writing each of them", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    await using writer = writeInventory(mesh, agent);
    for (let i = 0; i <= 5_000; i++) writer.put(domainOf(1, `version-${i}`));
    await writer.written(limit());
    await using view = watchInventory(mesh);
    await view.synced;
    expect(names(view)).toEqual(["version-5000"]);
    const info = await mesh.session?.jsm.streams.info("KV_inventory");
    expect(info?.state.last_seq).toBeLessThan(10);
  });

  it("catches up after NATS was away, even when it came back empty", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    await using view = watchInventory(mesh);
    await using writer = writeInventory(mesh, agent);
    writer.put(domainOf(1));
    writer.put(domainOf(2));
    await writer.written(limit());
    const down = nextStatus(mesh, false);
    await nats.kill("SIGKILL");
    await down;
    writer.remove(domainOf(1).uuid);
    writer.put(domainOf(3));
    await rm(nats.dir, { recursive: true });
    const both = next(view, (c) => c.domain?.name === "guest-3");
    await nats.restart();
    await writer.written(limit());
    await both;
    await using late = watchInventory(mesh);
    await late.synced;
    expect(names(late)).toEqual(["guest-2", "guest-3"]);
    expect(names(view)).toEqual(["guest-2", "guest-3"]);
  });

  it("removes at a start what this agent left behind, and nothing of another agent on the host", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    {
      await using before = writeInventory(mesh, agent);
      before.put(domainOf(1));
      before.put(domainOf(2));
      await using neighbour = writeInventory(mesh, otherAgent);
      neighbour.put(domainOf(9, "neighbour", "qemu://host-a/system"));
      await before.written(limit());
      await neighbour.written(limit());
    }
    await using writer = writeInventory(mesh, agent);
    writer.replaceAll([domainOf(2), domainOf(3)]);
    await writer.written(limit());
    await using view = watchInventory(mesh);
    await view.synced;
    expect(names(view)).toEqual(["guest-2", "guest-3", "neighbour"]);
  });
});
