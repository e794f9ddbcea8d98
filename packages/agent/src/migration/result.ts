import type { Any } from "@virtmesh/api/gen/google/protobuf/any";
import { MigrationReport } from "@virtmesh/api/gen/virtmesh/v1/migration";
import { REASONS, type Reason, VirtError } from "@virtmesh/core/errors";
import { packAny } from "../operations/any.ts";
import type { Outcome } from "./context.ts";
import type { JournalHeader } from "./journal.ts";
import { reportToWire } from "./progress-wire.ts";

/** What the operation of a migration ends with. @throws why the guest stayed */
export function resultOf(header: JournalHeader, outcome: Outcome): Any {
  if (outcome.outcome === "moved" && outcome.report !== undefined) {
    return packAny("virtmesh.v1.MigrationReport", MigrationReport, reportToWire(outcome.report, header));
  }
  if (outcome.outcome === "moved") throw new VirtError("INTERNAL", "a migration ended without its report");
  const { offer, destinationUri, sourceUri } = header;
  const where = {
    here: "the guest runs nowhere: it stopped on the source",
    there: `the guest runs nowhere: it ended in post-copy, and is ${destinationUri}'s, off`,
    nowhere: `the guest is on ${sourceUri}, as before`,
  }[outcome.guestLost || "nowhere"];
  const left = outcome.leftovers.length === 0 ? "" : `; left behind: ${outcome.leftovers.join("; ")}`;
  throw new VirtError(
    reasonOf(outcome),
    `guest "${offer.name}" was not migrated to ${destinationUri}: ${outcome.message}; ${where}${left}`,
    {
      metadata: { migration: offer.plan.id, ran_on: outcome.guestLost === false ? sourceUri : "" },
      resource: { type: "domain", name: offer.name },
    },
  );
}

function reasonOf(outcome: Extract<Outcome, { outcome: "stayed" }>): Reason {
  return outcome.reason in REASONS ? (outcome.reason as Reason) : "MIGRATION_FAILED";
}
