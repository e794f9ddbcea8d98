import { MANAGED_RESERVATIONS } from "./nodes.ts";
import type { BuildContext } from "../context.ts";

/** The helper for reservations that the agent starts: one for all disks that leave it to the agent. */
export function managedReservations({ definition, args, runtime }: BuildContext): void {
  const managed = definition.devices.disks.some(({ source }) => source?.reservations?.managed === true);
  if (!managed) return;
  args.json("-object", {
    "qom-type": "pr-manager-helper",
    id: MANAGED_RESERVATIONS,
    path: reservationSocket(runtime.directory),
  });
}

/** Where that helper listens. */
export function reservationSocket(directory: string): string {
  return `${directory}/${MANAGED_RESERVATIONS}.sock`;
}
