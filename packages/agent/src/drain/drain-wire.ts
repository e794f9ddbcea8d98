import {
  type DrainedGuest,
  DrainedGuestState,
  type DrainHostRequest,
  type DrainProgress,
} from "@virtmesh/api/gen/virtmesh/v1/host";
import { MigrateDomainRequest, MigrationMode } from "@virtmesh/api/gen/virtmesh/v1/migration";
import type { DrainGuest, DrainState, GuestPhase } from "@virtmesh/core/drain/drain";
import { VirtError } from "@virtmesh/core/errors";

const STATES: Record<GuestPhase, DrainedGuestState> = {
  pending: DrainedGuestState.DRAINED_GUEST_STATE_PENDING,
  moving: DrainedGuestState.DRAINED_GUEST_STATE_MOVING,
  retrying: DrainedGuestState.DRAINED_GUEST_STATE_RETRYING,
  moved: DrainedGuestState.DRAINED_GUEST_STATE_MOVED,
  left: DrainedGuestState.DRAINED_GUEST_STATE_LEFT,
  gone: DrainedGuestState.DRAINED_GUEST_STATE_GONE,
};

export function guestToWire(guest: DrainGuest, migration: string | undefined): DrainedGuest {
  return {
    domainUuid: guest.uuid,
    domainName: guest.name,
    state: STATES[guest.phase],
    destinationUri: guest.destination,
    choice: guest.choice,
    operation: migration === undefined ? "" : `operations/${migration}`,
    attempts: guest.attempts,
    error: guest.error,
    reason: guest.reason,
    offline: guest.offline,
  };
}

export function drainToWire(state: DrainState, migrations: ReadonlyMap<string, string>): DrainProgress {
  const count = (...phases: readonly GuestPhase[]): number =>
    state.guests.filter((g) => phases.includes(g.phase)).length;
  return {
    total: state.guests.length,
    moved: count("moved"),
    moving: count("moving"),
    pending: count("pending", "retrying"),
    left: count("left"),
    guests: state.guests.map((g) => guestToWire(g, migrations.get(g.uuid))),
  };
}

/** What a drain asks for one guest. */
export function migrationOf(
  request: DrainHostRequest,
  guest: { readonly uuid: string; readonly offline: boolean },
  destinationUri: string,
): MigrateDomainRequest {
  const each = request.migration ?? MigrateDomainRequest.fromPartial({});
  return MigrateDomainRequest.fromPartial({
    ...each,
    uri: request.uri,
    domain: guest.uuid,
    destinationUri,
    ...(guest.offline
      ? { mode: MigrationMode.MIGRATION_MODE_OFFLINE, storage: 0, persistDestination: undefined }
      : { mode: MigrationMode.MIGRATION_MODE_LIVE }),
  });
}

/** @throws INVALID_FIELD for what belongs to one guest only. */
export function checkDrain(request: DrainHostRequest): void {
  const m = request.migration;
  const own = {
    uri: m?.uri,
    domain: m?.domain,
    destination_uri: m?.destinationUri,
    destination_name: m?.destinationName,
    destination_xml: m?.destinationXml,
    disks: m?.disks.length === 0 ? "" : m?.disks.map((d) => d.target).join(","),
    mode: m?.mode === MigrationMode.MIGRATION_MODE_UNSPECIFIED ? "" : m?.mode,
    validate_only: m?.validateOnly === true ? "true" : "",
  };
  const [name] = Object.entries(own).find(([, value]) => value !== undefined && value !== "") ?? [];
  if (name === undefined) return;
  const field = `migration.${name}`;
  const description = "belongs to one guest, and a drain moves many: leave it empty";
  throw new VirtError("INVALID_FIELD", `${field}: ${description}`, { violations: [{ field, description }] });
}
