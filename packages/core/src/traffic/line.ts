/**
 * Who may go and who waits: work that needs a place in each of several lanes, and lanes with few places. Pure; the
 * agents put migrations in, on both sides.
 */
export interface Ticket {
  readonly id: string;
  /** It takes one place in each of them, all at the same moment. */
  readonly lanes: readonly string[];
  /** The smaller goes first; of equals the one that came first. See `rankOf`. */
  readonly rank: number;
}

export interface Line {
  /** In the order of their turns. */
  readonly waiting: readonly Ticket[];
  readonly inside: readonly Ticket[];
}

/** How many places a lane has. */
export type Places = (lane: string) => number;

export const EMPTY_LINE: Line = { waiting: [], inside: [] };

export const MIN_PRIORITY = -10;
export const MAX_PRIORITY = 10;
/** How much earlier a step of priority makes somebody have come: nobody is overtaken for ever. */
export const PRIORITY_STEP_MS = 600_000;
/** Before everybody: its turn had come already. */
export const AT_ONCE = Number.NEGATIVE_INFINITY;

export function rankOf(sinceMs: number, priority: number): number {
  return sinceMs - priority * PRIORITY_STEP_MS;
}

/** Lines up behind those that rank the same or better. */
export function lineUp(line: Line, ticket: Ticket): Line {
  const at = line.waiting.findIndex((other) => other.rank > ticket.rank);
  const waiting = [...line.waiting];
  waiting.splice(at < 0 ? waiting.length : at, 0, ticket);
  return { ...line, waiting };
}

/** It has gone, or does not want to any more. */
export function leave(line: Line, id: string): Line {
  const others = (tickets: readonly Ticket[]): readonly Ticket[] => tickets.filter((t) => t.id !== id);
  return { waiting: others(line.waiting), inside: others(line.inside) };
}

/** Puts it inside whether there is room or not: it was there before the agent was started again. */
export function putInside(line: Line, ticket: Ticket): Line {
  return { ...line, inside: [...line.inside, ticket] };
}

/**
 * Lets in everybody for whom there is room, in the order of the line. One whose lane is full is passed by those that
 * do not need that lane. As long as all tickets have one lane in common, none starves: whenever a place in a lane
 * becomes free, so does one in the common lane, and the first of the line that needs both has them.
 */
export function letIn(
  line: Line,
  places: Places,
): { readonly line: Line; readonly entered: readonly Ticket[] } {
  const used = new Map<string, number>();
  const count = (ticket: Ticket): void => {
    for (const lane of ticket.lanes) used.set(lane, (used.get(lane) ?? 0) + 1);
  };
  line.inside.forEach(count);
  const entered: Ticket[] = [];
  const waiting = line.waiting.filter((ticket) => {
    if (!ticket.lanes.every((lane) => (used.get(lane) ?? 0) < places(lane))) return true;
    count(ticket);
    entered.push(ticket);
    return false;
  });
  return { line: { waiting, inside: [...line.inside, ...entered] }, entered };
}

/** Where a ticket stands in the line, from 1, and the lanes that keep it there; undefined when it does not wait. */
export function standingIn(
  line: Line,
  id: string,
  places: Places,
): { readonly place: number; readonly waiting: number; readonly full: readonly string[] } | undefined {
  const at = line.waiting.findIndex((t) => t.id === id);
  const ticket = line.waiting[at];
  if (ticket === undefined) return undefined;
  const full = ticket.lanes.filter((lane) => usedOf(line, lane) >= places(lane));
  return { place: at + 1, waiting: line.waiting.length, full };
}

export function usedOf(line: Line, lane: string): number {
  return line.inside.filter((t) => t.lanes.includes(lane)).length;
}
