import { join } from "node:path";
import { Consoles } from "@virtmesh/agent/guests/consoles";
import { DefinitionStore } from "@virtmesh/agent/guests/definition-store";
import { identified } from "@virtmesh/agent/guests/definition";
import type { Driver } from "@virtmesh/core/driver/driver";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import { parseDomain } from "@virtmesh/documents/domain/document";
import { Scope } from "@virtmesh/kit/scope";
import type { MeshLogger } from "@virtmesh/mesh/logger";
import { Containers } from "./containers/containers.ts";
import { cgroupVersion } from "./containers/launch.ts";
import { openContainerFolder } from "./containers/status.ts";
import { openConsole } from "./facets/console.ts";
import { LxcConversion } from "./facets/conversion.ts";
import { LxcDevices } from "./facets/devices.ts";
import { LxcDomains } from "./facets/domains.ts";
import { LxcGuestInfo } from "./facets/guest-info.ts";
import { LxcHost } from "./facets/host.ts";
import { LxcResources } from "./facets/resources.ts";
import { LxcSnapshots } from "./facets/snapshots.ts";
import { Monitor } from "./lxc/monitor.ts";
import { SnapshotStore } from "./snapshots/store.ts";

export interface LxcDriverConfig {
  /** Survives a restart of the host: definitions and snapshots. */
  readonly stateDir: string;
  /** Survives a restart of the agent only: LXC's folder of the containers that run. */
  readonly runDir: string;
  readonly monitord?: string;
  readonly logger: MeshLogger;
}

/** LXC on this host. Containers that run already are taken up; disposing lets go of all, and they run on. */
export async function createLxcDriver(config: LxcDriverConfig): Promise<Driver> {
  const scope = new Scope();
  try {
    return await create(config, scope);
  } catch (e) {
    await scope[Symbol.asyncDispose]();
    throw e;
  }
}

async function create(
  { stateDir, runDir, monitord, logger }: LxcDriverConfig,
  scope: Scope,
): Promise<Driver> {
  const cgroup = await cgroupVersion();
  const host = await LxcHost.open(cgroup);
  const definitions = await DefinitionStore.open(stateDir);
  const folder = await openContainerFolder(join(runDir, "lxc"));
  const containers = scope.own(new Containers({ folder, definitions, cgroup, logger }));
  const onDamaged = (err: VirtError): void => logger.error({ err }, "a file was left aside");
  for (const { definition, autostart } of await definitions.load(onDamaged))
    containers.load(definition, autostart);
  // First it is listened, then looked at: nothing can happen in between that nobody sees.
  scope.own(await listen(folder.path, monitord, containers, logger));
  await containers.reattach(await folder.load(onDamaged), (xml) => identified(parseDomain(xml)));
  const consoles = scope.own(new Consoles());
  const snapshots = await SnapshotStore.open(join(stateDir, "snapshots"));
  return {
    name: "lxc",
    serves: [{ scheme: "lxc", path: "/system" }],
    host,
    domains: new LxcDomains(containers, (...asked) => openConsole(consoles, folder.path, ...asked), cgroup),
    devices: new LxcDevices(containers),
    resources: new LxcResources(containers),
    snapshots: new LxcSnapshots(containers, snapshots),
    guestInfo: new LxcGuestInfo(containers),
    conversion: new LxcConversion(),
    [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose](),
  };
}

async function listen(
  lxcPath: string,
  monitord: string | undefined,
  containers: Containers,
  logger: MeshLogger,
): Promise<Monitor> {
  try {
    return await Monitor.open({
      lxcPath,
      onRecord: (record) => containers.hear(record),
      onConnected: () => containers.reconcile(),
      onProblem: (err) => logger.warn({ err }, "LXC's monitor is away; it is tried again"),
      ...(monitord === undefined ? {} : { monitord }),
    });
  } catch (cause) {
    throw new VirtError(
      "HOST_SETUP",
      `LXC's monitor cannot be used (apt-get install lxc): ${messageOf(cause)}`,
      {},
      { cause },
    );
  }
}
