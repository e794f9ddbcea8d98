import type { Call } from "@virtmesh/core/call";
import type { Obstacle } from "@virtmesh/core/driver/migration";
import type { Msvm } from "../msvm/types.ts";
import type { HypervServer } from "../server.ts";

type Settings = Msvm<"Msvm_VirtualSystemMigrationServiceSettingData">;

/** How the host is set up for migrations. */
export async function migrationSettings(server: HypervServer, c: Call): Promise<Settings> {
  const [settings = {}] = await server.ask(
    "the settings of live migrations cannot be read",
    (session, options) => session.query("Msvm_VirtualSystemMigrationServiceSettingData", options),
    c,
  );
  return settings;
}

export function refusalOf(settings: Settings, host: string): readonly Obstacle[] {
  if (settings.EnableVirtualSystemMigration === true) return [];
  const description = `live migrations are not enabled on the Hyper-V host ${host}; enable them there (Enable-VMMigration)`;
  return [{ type: "MIGRATION_DISABLED", subject: host, description }];
}
