import { DomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import {
  type MigrateDomainRequest,
  MigrationMode,
  MigrationStorage,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import { createEsxDriver } from "@virtmesh/esx-agent/driver";
import { startVcsim, type Vcsim } from "@virtmesh/lab/vcsim";
import { type Behind, type HostName, TwoAgents } from "../two-agents.ts";

jest.setTimeout(120_000);

const HOSTS = { "host-a": "DC0/DC0_H0", "host-b": "DC0/DC0_H1" } as const;
const RUNNING = { state: DomainState.DOMAIN_STATE_RUNNING };

/** Two hosts of one vCenter, each behind an agent of its own. */
async function start(delays: Readonly<Record<string, number>> = {}): Promise<TwoAgents> {
  const vcenter = await startVcsim({ kind: "vcenter", hosts: 2, guests: 1, delays });
  const behind = { "host-a": behindHost(vcenter, "host-a"), "host-b": behindHost(vcenter, "host-b") };
  return await TwoAgents.start(behind, async () => await vcenter[Symbol.asyncDispose]());
}

function behindHost({ host: name, port, ca, user, password }: Vcsim, host: HostName): Behind {
  return {
    uri: `vpx://${host}/${HOSTS[host]}`,
    createDriver: ({ logger, signal }) =>
      createEsxDriver({
        ...{ endpoint: { host: name, port, ca }, credentials: { user, password }, path: HOSTS[host] },
        ...{ logger, signal },
      }),
  };
}

describe("a guest of one host of a vCenter", () => {
  const GUEST = "DC0_H0_VM0";

  it("goes to another host of it while it runs, and says so on both", async () => {
    await using hosts = await start();
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
    await using hosts = await start();
    const storage = MigrationStorage.MIGRATION_STORAGE_COPY;
    expect(await hosts.outcome(await hosts.migrate(GUEST, { storage }))).toBe("");
    expect(await hosts.get("host-b", GUEST)).toMatchObject(RUNNING);
    expect(await hosts.outcome(await hosts.migrate(GUEST, { storage }, "host-b"), "host-b")).toBe("");
    expect(await hosts.get("host-a", GUEST)).toMatchObject(RUNNING);
    expect(hosts.names("host-b")).not.toContain(GUEST);
  });

  it("goes there while it is off", async () => {
    await using hosts = await start();
    await hosts.destroy("host-a", GUEST);
    const mode = MigrationMode.MIGRATION_MODE_OFFLINE;
    expect(await hosts.outcome(await hosts.migrate(GUEST, { mode }))).toBe("");
    expect(hosts.names("host-a")).toEqual([]);
    expect(await hosts.get("host-b", GUEST)).toMatchObject({ state: DomainState.DOMAIN_STATE_SHUTOFF });
  });

  it("is where it was when the move is called off, though the server had made it", async () => {
    await using hosts = await start({ RelocateVM_Task: 2_000 });
    const operation = await hosts.migrate(GUEST);
    await hosts.cancel(operation);
    expect(await hosts.outcome(operation)).toContain("cancelled");
    expect(await hosts.get("host-a", GUEST)).toMatchObject(RUNNING);
    expect(hosts.names("host-b")).not.toContain(GUEST);
  });

  it("is where it was when the agent that sends it was started again on the way", async () => {
    await using hosts = await start({ RelocateVM_Task: 2_000 });
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
    await using hosts = await start();
    await expect(hosts.migrate(GUEST, more)).rejects.toMatchObject({
      reason: "MIGRATION_BLOCKED",
      message: expect.stringContaining(why),
    });
    expect(hosts.names("host-a")).toEqual([GUEST]);
  });
});
