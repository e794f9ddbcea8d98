import type { MigrationOffer } from "@virtmesh/core/driver/migration";
import { type Places, placesIn } from "./move.ts";

/** Where the disks of a guest that goes shall lie. */
export function destinationPlaces({ plan, xml }: MigrationOffer): Places {
  if (plan.disks === "shared") return undefined;
  const places = new Map(placesIn(xml));
  if (plan.disks === "all") return places;
  for (const { target, destinationPath } of plan.disks)
    if (destinationPath !== "") places.set(target, destinationPath);
  return places;
}

/** Where they lay, for one that is sent home. */
export function homePlaces({ plan, xml }: MigrationOffer): Places {
  return plan.disks === "shared" ? undefined : placesIn(xml);
}
