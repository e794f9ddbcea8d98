import { beginDestination, restartDestination, stepDestination } from "@virtmesh/core/migration/destination";
import type {
  DestinationEntry,
  DestinationState,
  DestinationStep,
} from "@virtmesh/core/migration/destination-state";
import type { DestinationFact, SourceFact } from "@virtmesh/core/migration/facts";
import type { Generation } from "@virtmesh/core/ids";
import { beginSource, restartSource, stepSource } from "@virtmesh/core/migration/source";
import type { Common, SourceEntry, SourceState, SourceStep } from "@virtmesh/core/migration/source-state";
import type { Seen } from "../lab/listener.ts";
import type { Recording } from "../recordings.ts";

/** What the pure machines made of the facts of a cell. */
export interface Replayed {
  readonly lines: readonly string[];
  readonly problems: readonly string[];
}

interface Begun {
  readonly common: Common;
  readonly entry: SourceEntry & DestinationEntry;
  readonly note?: string;
  readonly nextGeneration: Generation;
  readonly alive: boolean;
  readonly postcopy: boolean;
}

/** Plays what both machines were fed with to them again, in the order in which it was seen. No I/O. */
export function replay(recording: Recording): Replayed {
  const lines = [`${recording.cell}, seed ${recording.seed}`];
  const problems: string[] = [];
  let source: SourceState | undefined;
  let destination: DestinationState | undefined;
  let resumes = false;
  for (const step of recording.seen) {
    if (step.kind === "finished") continue;
    const before = (step.side === "source" ? source : destination)?.phase;
    if (step.kind === "fact" && before !== step.phase)
      problems.push(
        `the ${step.side} was ${step.phase} when it heard ${nameOf(step)}, and is ${before ?? "not there"} here`,
      );
    const next = step.side === "source" ? sourceStep(source, step) : destinationStep(destination, step);
    if (next === undefined) {
      problems.push(`the ${step.side} hears ${nameOf(step)} before it has begun`);
      continue;
    }
    const effects: readonly string[] = next.effects.map((e) => e.effect);
    if (step.side === "source") source = next.state as SourceState;
    else destination = next.state as DestinationState;
    if (effects.includes("resume")) resumes = true;
    if (destination?.phase === "discarding" || destination?.phase === "promising") resumes = false;
    if (step.side === "source" && effects.includes("rollBack") && resumes)
      problems.push("the source goes back though the destination was let run");
    lines.push(
      `${step.side.padEnd(11)} ${(before ?? "-").padEnd(10)} ${nameOf(step).padEnd(32)} -> ${next.state.phase}${effects.length === 0 ? "" : `: ${effects.join(", ")}`}`,
    );
  }
  return { lines, problems };
}

function sourceStep(state: SourceState | undefined, { kind, detail }: Seen): SourceStep | undefined {
  const begun = detail as Begun;
  if (kind === "begin") return beginSource(begun.common);
  if (kind === "restart") return restartSource(begun.common, begun.entry, begun.note);
  return state && stepSource(state, detail as SourceFact);
}

function destinationStep(
  state: DestinationState | undefined,
  { kind, detail }: Seen,
): DestinationStep | undefined {
  const begun = detail as Begun;
  if (kind === "begin") return beginDestination();
  if (kind === "restart") return restartDestination(begun.entry, begun.nextGeneration, begun);
  return state && stepDestination(state, detail as DestinationFact);
}

function nameOf({ kind, detail }: Seen): string {
  const { fact, entry, disk, standing } = detail as Readonly<Record<string, string | undefined>>;
  if (kind !== "fact") return entry === undefined ? `(${kind})` : `(${kind} at "${entry}")`;
  return [fact ?? "", entry ?? disk ?? standing ?? ""].filter((word) => word !== "").join(" ");
}
