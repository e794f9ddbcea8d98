import { DomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import {
  type MigrateDomainRequest,
  MigrationMode,
  MigrationStorage,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import type { Seed } from "@virtmesh/hyperv-simulator/host/seed";
import type { HostName } from "../two-agents.ts";
import { DISK, GUEST, type Hosts, startTwoHosts, WEB } from "./two-hosts.ts";

jest.setTimeout(120_000);

const RUNNING = { state: DomainState.DOMAIN_STATE_RUNNING };
const COPY = { storage: MigrationStorage.MIGRATION_STORAGE_COPY };
const SLOW = { jobs: { durationMs: 1_000 } };

/** Which of the hosts have the guest, or something planned for it. */
function whereabouts(hosts: Hosts): readonly string[] {
  return Object.values(hosts).flatMap(({ host: { seed, repository } }) =>
    ["Msvm_ComputerSystem", "Msvm_PlannedComputerSystem"].flatMap((className) =>
      repository.all(className).some(({ values }) => values["Name"] === WEB)
        ? [`${seed.hostName} ${className}`]
        : [],
    ),
  );
}

const AT_HOME = ["HV1 Msvm_ComputerSystem"];
const AWAY = ["HV2 Msvm_ComputerSystem"];

describe("a guest of a Hyper-V host", () => {
  it("goes to another host with its disks while it runs, says so on both, and comes back", async () => {
    await using both = await startTwoHosts();
    const { agents, hosts } = both;
    expect(await agents.outcome(await agents.migrate("web", COPY))).toBe("");
    expect(await agents.get("host-b", "web")).toMatchObject({ ...RUNNING, stateReason: "migrated" });
    await expect(agents.get("host-a", "web")).rejects.toMatchObject({ reason: "DOMAIN_NOT_FOUND" });
    expect(whereabouts(hosts)).toEqual(AWAY);
    expect(agents.told).toEqual([
      "host-b defined added",
      "host-b started migrated",
      "host-a stopped migrated",
      "host-a undefined removed",
    ]);
    expect((await agents.get("host-b", "web")).interfaces).toMatchObject([{ source: "Default Switch" }]);
    expect([hosts["host-a"], hosts["host-b"]].map(({ host }) => host.disks.find(DISK)?.path)).toEqual([
      undefined,
      DISK,
    ]);
    expect(await agents.outcome(await agents.migrate("web", COPY, "host-b"), "host-b")).toBe("");
    expect(await agents.get("host-a", "web")).toMatchObject(RUNNING);
    expect(agents.names("host-b")).toEqual([]);
  });

  it("goes there alone when both hosts see its disks, and has them elsewhere when that is asked", async () => {
    const shared = "\\\\files\\vms\\web.vhdx";
    await using both = await startTwoHosts(
      {},
      { "host-a": { guests: [{ ...GUEST, disks: [{ path: shared }] }] } },
    );
    const { agents } = both;
    expect(await agents.outcome(await agents.migrate("web"))).toBe("");
    expect((await agents.get("host-b", "web")).disks).toMatchObject([{ source: shared }]);
    const disks = [{ target: "hda", destinationPath: "D:\\moved.vhdx", destinationFormat: "" }];
    expect(await agents.outcome(await agents.migrate("web", { ...COPY, disks }, "host-b"), "host-b")).toBe(
      "",
    );
    expect((await agents.get("host-a", "web")).disks).toMatchObject([{ source: "D:\\moved.vhdx" }]);
  });

  it("goes there while it is off", async () => {
    await using both = await startTwoHosts();
    const { agents, hosts } = both;
    await agents.destroy("host-a", "web");
    const mode = MigrationMode.MIGRATION_MODE_OFFLINE;
    expect(await agents.outcome(await agents.migrate("web", { ...COPY, mode }))).toBe("");
    expect(await agents.get("host-b", "web")).toMatchObject({ state: DomainState.DOMAIN_STATE_SHUTOFF });
    expect([agents.names("host-a"), whereabouts(hosts)]).toEqual([[], AWAY]);
  });

  it("stays when it is called off on the way, and nothing of it is left there", async () => {
    await using both = await startTwoHosts(SLOW);
    const { agents, hosts } = both;
    const migrating = hosts["host-a"].host.begins("CheckVirtualSystemIsMigratable");
    const operation = await agents.migrate("web", COPY);
    await migrating;
    await agents.cancel(operation);
    expect(await agents.outcome(operation)).toContain("cancelled");
    expect(whereabouts(hosts)).toEqual(AT_HOME);
    expect(await agents.get("host-a", "web")).toMatchObject(RUNNING);
    expect(agents.told).toEqual([]);
  });

  it("is sent home when it is called off, and the host moves it all the same", async () => {
    await using both = await startTwoHosts({ jobs: { durationMs: 1_000, cancels: "refused" } });
    const { agents, hosts } = both;
    const moving = underWay(hosts);
    const operation = await agents.migrate("web", COPY);
    await moving;
    await agents.cancel(operation);
    await until(hosts, AWAY);
    expect(await agents.outcome(operation)).toContain("cancelled");
    expect(whereabouts(hosts)).toEqual(AT_HOME);
    expect(await agents.get("host-a", "web")).toMatchObject({ ...RUNNING, disks: [{ source: DISK }] });
    expect([agents.names("host-b"), agents.told]).toEqual([[], []]);
  });

  it.each<readonly HostName[]>([["host-a"], ["host-b"], ["host-a", "host-b"]])(
    "is where it was when agents ended on the way and came back: %s %s",
    async (...victims) => {
      await using both = await startTwoHosts(SLOW);
      const { agents, hosts } = both;
      const moving = underWay(hosts);
      const operation = await agents.migrate("web", COPY);
      await moving;
      await Promise.all(victims.map((victim) => agents.end(victim)));
      // Nobody is there to call it off: the hosts go on.
      if (victims.length === 2) await until(hosts, AWAY);
      for (const victim of victims) await agents.open(victim);
      expect(await agents.outcome(operation)).not.toBe("");
      await until(hosts, AT_HOME);
      expect(await agents.get("host-a", "web")).toMatchObject(RUNNING);
      expect(agents.names("host-b")).toEqual([]);
    },
  );

  it("stays, and why is said, when the host cannot move it", async () => {
    const jobFailures = [{ method: "MigrateVirtualSystemToHost", code: 32_768, description: "kein Platz" }];
    await using both = await startTwoHosts({ jobFailures });
    const { agents, hosts } = both;
    expect(await agents.outcome(await agents.migrate("web", COPY))).toContain("kein Platz");
    expect(whereabouts(hosts)).toEqual(AT_HOME);
    expect(await agents.get("host-a", "web")).toMatchObject(RUNNING);
  });

  it.each<[string, Partial<MigrateDomainRequest>, string, Partial<Seed>?]>([
    ["paused at its end", { ...COPY, paused: true }, "goes on running"],
    ["by another name", { ...COPY, destinationName: "other" }, "no other name"],
    ["by post-copy", { ...COPY, postcopy: true }, "no post-copy"],
    ["without its disk, which only its host has", {}, "only this host has"],
    ["to a host without its switch", COPY, 'no switch "Default Switch"', { switches: [] }],
    ["to the same host by another agent", COPY, "the agent of another one", { hostName: "HV1" }],
    ["to a host without live migrations", COPY, "not enabled on the Hyper-V host HV2", { migrations: false }],
  ])("is not moved %s", async (_, more, why, there = {}) => {
    await using both = await startTwoHosts({}, { "host-b": { hostName: "HV2", guests: [], ...there } });
    await expect(both.agents.migrate("web", more)).rejects.toMatchObject({
      reason: "MIGRATION_BLOCKED",
      message: expect.stringContaining(why),
    });
    expect(both.agents.names("host-a")).toEqual(["web"]);
  });
});

/** Resolves when the guest itself is about to go: the first of the two calls only makes what it goes into. */
async function underWay({ "host-a": { host } }: Hosts): Promise<void> {
  await host.begins("MigrateVirtualSystemToHost");
  await host.begins("MigrateVirtualSystemToHost");
}

/** Resolves when the guest is there and nowhere else. */
async function until(hosts: Hosts, where: readonly string[]): Promise<void> {
  const reached = Promise.withResolvers<void>();
  const look = (): void => {
    if (whereabouts(hosts).join() === where.join()) reached.resolve();
  };
  const listening = Object.values(hosts).map(({ host }) => host.repository.onChange(look));
  look();
  await reached.promise;
  for (const each of listening) each[Symbol.dispose]();
}
