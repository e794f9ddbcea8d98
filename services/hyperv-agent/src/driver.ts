import { OneDefinitionDevices } from "@virtmesh/agent/guests/one-definition-devices";
import { OneDefinitionResources } from "@virtmesh/agent/guests/one-definition-resources";
import type { Driver } from "@virtmesh/core/driver/driver";
import { type MeshLogger, silentLogger } from "@virtmesh/mesh/logger";
import { configurable } from "./facets/configure.ts";
import { HypervDiskMoves } from "./facets/disk-moves.ts";
import { HypervDomains } from "./facets/domains.ts";
import { HypervGuestInfo } from "./facets/guest-info.ts";
import { HypervHost } from "./facets/host.ts";
import { HypervMigrationDestination } from "./facets/migration-destination.ts";
import { HypervMigrationSource } from "./facets/migration-source.ts";
import { HypervSavedState } from "./facets/saved-state.ts";
import { HypervSnapshots } from "./facets/snapshots.ts";
import { HypervStorage } from "./facets/storage.ts";
import { HypervServer } from "./server.ts";
import type { Credentials } from "./wsman/connection.ts";
import type { Endpoint } from "./wsman/http.ts";

export interface HypervDriverConfig {
  readonly endpoint: Endpoint;
  readonly credentials: Credentials;
  readonly logger: MeshLogger;
  /** What is to be known after a restart of the agent. */
  readonly stateDir: string;
  readonly signal: AbortSignal;
}

/** The guests of one Hyper-V host. Disposing ends the session, and the guests run on. */
export async function createHypervDriver(config: HypervDriverConfig): Promise<Driver> {
  const server = new HypervServer(config.logger);
  try {
    await server.connect(config.endpoint, config.credentials, config.signal);
    return facetsOf(server, config.stateDir);
  } catch (e) {
    await server[Symbol.asyncDispose]();
    throw e;
  }
}

/** The same without a host: it says what it can do, and can do nothing. */
export function unconnectedHypervDriver(): Driver {
  return facetsOf(new HypervServer(silentLogger), "");
}

function facetsOf(server: HypervServer, stateDir: string): Driver {
  return {
    name: "hyperv",
    serves: [{ scheme: "hyperv", path: "/" }],
    instead: {
      "domains.openConsole":
        "Hyper-V gives the consoles of its guests to its own viewer only; use vmconnect on Windows or an RDP client at port 2179 of the host, or a screenshot",
      "storage.upload": "WMI does not take what is in a disk; copy files to the host's folder by SMB",
      "storage.download": "WMI does not hand out what is in a disk; copy files from the host's folder by SMB",
    },
    host: new HypervHost(server),
    domains: new HypervDomains(server),
    devices: new OneDefinitionDevices(configurable(server)),
    resources: new OneDefinitionResources(configurable(server)),
    snapshots: new HypervSnapshots(server),
    guestInfo: new HypervGuestInfo(server),
    savedState: new HypervSavedState(server),
    storage: new HypervStorage(server),
    diskMoves: new HypervDiskMoves(server, stateDir),
    migrationSource: new HypervMigrationSource(server),
    migrationDestination: new HypervMigrationDestination(server),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
