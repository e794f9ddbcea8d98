import {
  type ListMigrationsResponse,
  MigrationServiceService,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import { need } from "@virtmesh/core/driver/driver";
import { VirtError } from "@virtmesh/core/errors";
import { unary } from "@virtmesh/kit/grpc-server";
import type { Chassis, ServedService } from "../chassis.ts";

/** The service of an agent that cannot migrate: it has none to list, and says what is missing. */
export function absentMigrations(chassis: Chassis): ServedService {
  const refuse = unary((): never => {
    need(chassis.driver, "migrationSource", "open");
    need(chassis.driver, "migrationDestination", "prepare");
    throw new VirtError(
      "UNSUPPORTED",
      "this agent works without NATS, where migrations are decided; start it with --nats",
    );
  });
  return {
    definition: MigrationServiceService,
    implementation: {
      migrateDomain: refuse,
      getMigration: refuse,
      tuneMigration: refuse,
      resolveMigration: refuse,
      getMigrationLimits: refuse,
      updateMigrationLimits: refuse,
      startPostcopy: refuse,
      recoverMigration: refuse,
      listMigrations: unary((): ListMigrationsResponse => ({ migrations: [], unreachable: [] })),
    },
  };
}
