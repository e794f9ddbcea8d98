import { DISK_MOMENTS, type DiskMoment } from "./disk-moments.ts";
import { type Moment, MOMENTS } from "./moments.ts";
import { type Allowed, type Victim, VICTIMS } from "./victims.ts";

interface AnyCell {
  /** `deciding/source-agent` */
  readonly name: string;
  readonly victim: Victim;
  /** Ways in which it may end. */
  readonly allowed: readonly Allowed[];
}

/** The guest moves to another host. */
export interface MigrationCell extends AnyCell {
  readonly kind: "migration";
  readonly moment: Moment;
}

/** A disk of it moves to other storage of its host, and "moved" is said of the disk. */
export interface DiskMoveCell extends AnyCell {
  readonly kind: "disk-move";
  readonly moment: DiskMoment;
}

/** One victim struck at one moment. */
export type Cell = MigrationCell | DiskMoveCell;

const MIGRATIONS = MOMENTS.flatMap((moment) =>
  VICTIMS.filter((victim) => applies(victim, moment)).map((victim): MigrationCell => {
    const name = `${moment.name}/${victim.name}`;
    return { kind: "migration", name, moment, victim, allowed: allowedOf(moment, victim) };
  }),
);

const DISK_MOVES = DISK_MOMENTS.flatMap((moment) =>
  VICTIMS.filter((victim) => moment.victims.includes(victim.name)).map((victim): DiskMoveCell => {
    const name = `${moment.name}/${victim.name}`;
    return { kind: "disk-move", name, moment, victim, allowed: diskAllowedOf(moment, victim) };
  }),
);

/** Every cell there is, moment by moment. */
export const CELLS: readonly Cell[] = [...MIGRATIONS, ...DISK_MOVES];

/** Cells with that name, or of that moment or victim. */
export function cellsNamed(only: string): readonly Cell[] {
  return CELLS.filter((cell) => [cell.name, cell.moment.name, cell.victim.name].includes(only));
}

function applies(victim: Victim, moment: Moment): boolean {
  const at = (name: string | undefined, otherwise: number): number =>
    name === undefined ? otherwise : MOMENTS.findIndex((m) => m.name === name);
  if (moment.victims !== undefined) return moment.victims.includes(victim.name);
  const index = MOMENTS.indexOf(moment);
  return (
    index >= at(victim.from, 0) &&
    index <= at(victim.to, MOMENTS.length) &&
    victim.except?.includes(moment.name) !== true
  );
}

/**
 * Where the guest may be in the end. Before the decision either way is right; after it the guest is the
 * destination's, unless its QEMU died there: then it may be crashed there, or come back by the destination's promise.
 */
function allowedOf({ tendency, fragile }: Moment, { name, deadly, harmless }: Victim): readonly Allowed[] {
  if (fragile?.includes(name)) return ["moved", "lost"];
  switch (tendency) {
    case "undecided":
    case "committed":
      if (harmless) return ["moved"];
      if (deadly === "source")
        return tendency === "committed" ? ["moved", "nowhere", "lost"] : ["moved", "nowhere"];
      return ["stayed", "moved"];
    case "decided":
      return deadly === "destination" ? ["moved", "stayed", "nowhere"] : ["moved"];
    case "abandoned":
      return deadly === "source" ? ["nowhere"] : ["stayed"];
    case "accepted":
      if (deadly === "destination") return ["stayed", "lost"];
      return deadly === "source" ? ["moved", "nowhere", "lost"] : ["moved"];
    case "split":
      return deadly === undefined ? ["moved"] : ["moved", "lost"];
    case "doubtful":
      return deadly === undefined ? ["moved", "stayed"] : ["moved", "stayed", "nowhere"];
  }
}

/**
 * Once QEMU uses the new image the disk is there, whatever comes. Before that either place is right, but for what has
 * nothing to do with it. With QEMU killed the guest is off, and the image that its definition names has every write.
 */
function diskAllowedOf({ isPivoted }: DiskMoment, { deadly, harmless }: Victim): readonly Allowed[] {
  if (deadly !== undefined) return ["nowhere"];
  return harmless === true || isPivoted ? ["moved"] : ["moved", "stayed"];
}
