import { type Moment, MOMENTS } from "./moments.ts";
import { type Allowed, type Victim, VICTIMS } from "./victims.ts";

/** One victim struck at one moment. */
export interface Cell {
  /** `deciding/source-agent` */
  readonly name: string;
  readonly moment: Moment;
  readonly victim: Victim;
  /** Ways in which it may end. */
  readonly allowed: readonly Allowed[];
}

/** Every cell there is, moment by moment. */
export const CELLS: readonly Cell[] = MOMENTS.flatMap((moment) =>
  VICTIMS.filter((victim) => applies(victim, moment)).map((victim) => ({
    name: `${moment.name}/${victim.name}`,
    moment,
    victim,
    allowed: allowedOf(moment, victim),
  })),
);

/** Cells with that name, or of that moment or victim. */
export function cellsNamed(only: string): readonly Cell[] {
  return CELLS.filter((cell) => [cell.name, cell.moment.name, cell.victim.name].includes(only));
}

function applies(victim: Victim, moment: Moment): boolean {
  const at = (name: string | undefined, otherwise: number): number =>
    name === undefined ? otherwise : MOMENTS.findIndex((m) => m.name === name);
  const index = MOMENTS.indexOf(moment);
  return (
    index >= at(victim.from, 0) &&
    index <= at(victim.to, MOMENTS.length - 1) &&
    victim.except?.includes(moment.name) !== true
  );
}

/**
 * Where the guest may be in the end. Before the decision either way is right; after it the guest is the
 * destination's, unless its QEMU died there: then it may be crashed there, or come back by the destination's promise.
 */
function allowedOf({ tendency }: Moment, { deadly, harmless }: Victim): readonly Allowed[] {
  switch (tendency) {
    case "undecided":
      if (harmless) return ["moved"];
      if (deadly === "source") return ["moved", "nowhere"];
      return ["stayed", "moved"];
    case "decided":
      return deadly === "destination" ? ["moved", "stayed", "nowhere"] : ["moved"];
    case "abandoned":
      return deadly === "source" ? ["nowhere"] : ["stayed"];
    case "doubtful":
      return deadly === undefined ? ["moved", "stayed"] : ["moved", "stayed", "nowhere"];
  }
}
