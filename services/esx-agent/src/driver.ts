import type { Driver } from "@virtmesh/core/driver/driver";
import { type MeshLogger, silentLogger } from "@virtmesh/mesh/logger";
import { EsxConversion } from "./facets/conversion.ts";
import { configurable } from "./facets/configure.ts";
import { EsxDevices } from "./facets/devices.ts";
import { EsxDomains } from "./facets/domains.ts";
import { EsxGuestInfo } from "./facets/guest-info.ts";
import { EsxHost } from "./facets/host.ts";
import { EsxMigrationDestination } from "./facets/migration-destination.ts";
import { EsxMigrationSource } from "./facets/migration-source.ts";
import { EsxResources } from "./facets/resources.ts";
import { EsxSnapshots } from "./facets/snapshots.ts";
import { EsxStorage } from "./facets/storage.ts";
import { EsxServer } from "./server.ts";
import type { Credentials } from "./vim/session.ts";
import type { Endpoint } from "./vim/transport.ts";

export interface EsxDriverConfig {
  readonly endpoint: Endpoint;
  readonly credentials: Credentials;
  /** Which host of a vCenter; empty for an ESX host by itself. */
  readonly path: string;
  readonly logger: MeshLogger;
  readonly signal: AbortSignal;
}

/** The guests of one host, by itself or of a vCenter. Disposing ends the session, and the guests run on. */
export async function createEsxDriver(config: EsxDriverConfig): Promise<Driver> {
  const server = new EsxServer(config.logger);
  try {
    await server.connect(config.endpoint, config.credentials, config.path, config.signal);
    return facetsOf(server, config.path);
  } catch (e) {
    await server[Symbol.asyncDispose]();
    throw e;
  }
}

/** The same of a vCenter, without one: it says what it can do, and can do nothing. */
export function unconnectedEsxDriver(): Driver {
  return facetsOf(new EsxServer(silentLogger), "Datacenter/host");
}

/** What people look for and vSphere has not. */
const INSTEAD: NonNullable<Driver["instead"]> = {
  "domains.openConsole":
    "vSphere shows the consoles of its guests in its own web client only; open the guest there, take a screenshot, or give its serial port a network backing and connect to that",
  "domains.create":
    "vSphere has no guests without a definition; define it, start it, and undefine it when it is off",
};

function facetsOf(server: EsxServer, path: string): Driver {
  return {
    name: "esx",
    serves: [path === "" ? { scheme: "esx", path: "/" } : { scheme: "vpx", path: `/${path}` }],
    instead: INSTEAD,
    host: new EsxHost(server),
    domains: new EsxDomains(server),
    devices: new EsxDevices(configurable(server)),
    resources: new EsxResources(configurable(server)),
    snapshots: new EsxSnapshots(server),
    guestInfo: new EsxGuestInfo(server),
    conversion: new EsxConversion(server),
    storage: new EsxStorage(server),
    // A host by itself has nobody to hand its guests to.
    ...(path === ""
      ? {}
      : {
          migrationSource: new EsxMigrationSource(server),
          migrationDestination: new EsxMigrationDestination(server),
        }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
