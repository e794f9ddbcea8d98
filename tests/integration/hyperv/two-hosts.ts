import { createHypervDriver } from "@virtmesh/hyperv-agent/driver";
import { type Seed, seedFrom } from "@virtmesh/hyperv-simulator/host/seed";
import type { SettingsPatch } from "@virtmesh/hyperv-simulator/host/settings";
import { introduce, type Simulator, startSimulator } from "@virtmesh/hyperv-simulator/server";
import { type Behind, type HostName, TwoAgents } from "../two-agents.ts";

const LOGIN = { user: "Administrator", password: "Secret-1" };
/** Of the guest that the first host begins with. */
export const WEB = "A1B2C3D4-0001-4000-8000-000000000001";
export const DISK = "C:\\VMs\\web.vhdx";
export const GUEST = { name: "web", id: WEB, state: "running" as const, macs: ["00155D000001"] };

export type Hosts = Readonly<Record<HostName, Simulator>>;

function behind({ port }: Simulator, host: HostName): Behind {
  return {
    uri: `hyperv://${host}/`,
    createDriver: ({ logger, signal, stateDir }) =>
      createHypervDriver({
        endpoint: { host: "127.0.0.1", port, tls: false },
        credentials: { scheme: "negotiate", ...LOGIN },
        ...{ logger, signal, stateDir },
      }),
  };
}

/** Two Hyper-V hosts that know each other, each behind an agent. */
export async function startTwoHosts(
  settings: SettingsPatch = {},
  seeds: Partial<Record<HostName, Partial<Seed>>> = {},
): Promise<{ readonly agents: TwoAgents; readonly hosts: Hosts } & AsyncDisposable> {
  const open = (seed: Partial<Seed>): Promise<Simulator> =>
    startSimulator({
      ...{ seed: seedFrom(seed), settings, credentials: LOGIN, address: "127.0.0.1", port: 0 },
    });
  const disks = [{ path: DISK }];
  const hosts = {
    "host-a": await open({
      ...{ hostName: "HV1", hostUuid: crypto.randomUUID(), guests: [{ ...GUEST, disks }] },
      ...seeds["host-a"],
    }),
    "host-b": await open({
      ...{ hostName: "HV2", hostUuid: crypto.randomUUID(), guests: [] },
      ...seeds["host-b"],
    }),
  };
  introduce(Object.values(hosts));
  const agents = await TwoAgents.start(
    { "host-a": behind(hosts["host-a"], "host-a"), "host-b": behind(hosts["host-b"], "host-b") },
    async () => {
      for (const host of Object.values(hosts)) await host[Symbol.asyncDispose]();
    },
  );
  return { agents, hosts, [Symbol.asyncDispose]: () => agents[Symbol.asyncDispose]() };
}
