import {
  type DrainedGuest,
  DrainedGuestState as S,
  drainedGuestStateToJSON,
  type DrainProgress,
} from "@virtmesh/api/gen/virtmesh/v1/host";
import { parseConnectionUri } from "@virtmesh/core/uri";
import { clean, type Column } from "./table.ts";
import { enumWord } from "./units.ts";

/** How many guests that move are named at once. */
const NAMED = 8;

/** The picture of a drain: one line with numbers, then the guests that move. */
export function renderDrain(progress: DrainProgress, width: number): readonly string[] {
  const moving = progress.guests.filter((g) => g.state === S.DRAINED_GUEST_STATE_MOVING);
  const lines = [drainLine(progress), ...moving.slice(0, NAMED).map((g) => `  ${guestLine(g)}`)];
  if (moving.length > NAMED) lines.push(`  and ${moving.length - NAMED} more`);
  return lines.map((line) => (line.length <= width ? line : `${line.slice(0, Math.max(0, width - 1))}…`));
}

/** `12 of 20 moved, 2 moving, 5 to go, 1 left`. */
export function drainLine(p: DrainProgress): string {
  const parts = [`${p.moved} of ${p.total} moved`];
  if (p.moving > 0) parts.push(`${p.moving} moving`);
  if (p.pending > 0) parts.push(`${p.pending} to go`);
  if (p.left > 0) parts.push(`${p.left} left`);
  return parts.join(", ");
}

/** One guest in one line, for a log. */
export function guestLine(guest: DrainedGuest): string {
  const word = enumWord(drainedGuestStateToJSON(guest.state), "DRAINED_GUEST_STATE_");
  const to = guest.destinationUri === "" ? "" : ` to ${parseConnectionUri(guest.destinationUri).host}`;
  const error = guest.error === "" ? "" : `: ${guest.error}`;
  const isOnItsWay =
    guest.state === S.DRAINED_GUEST_STATE_MOVING || guest.state === S.DRAINED_GUEST_STATE_MOVED;
  return clean(`${guest.domainName} ${word}${isOnItsWay ? to : ""}${isOnItsWay ? "" : error}`);
}

/** What would be done with each guest. */
export const PLAN_COLUMNS: readonly Column<DrainedGuest>[] = [
  { title: "Domain", cell: (g) => g.domainName },
  { title: "State", cell: (g) => (g.offline ? "off" : "running") },
  { title: "To", cell: (g) => (g.error === "" ? g.destinationUri : "-") },
  { title: "Why", cell: (g) => (g.error === "" ? g.choice : g.error) },
];
