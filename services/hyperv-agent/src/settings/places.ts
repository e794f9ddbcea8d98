/** Where on its controllers a disk hangs. */
export interface DiskPlace {
  readonly bus: "scsi" | "ide";
  /** Number of the controller among those of its kind. */
  readonly controller: number;
  readonly unit: number;
}

const UNITS = { scsi: 64, ide: 2 } as const;
const CONTROLLERS = { scsi: 4, ide: 2 } as const;
const PREFIX = { scsi: "sd", ide: "hd" } as const;

/** The name of a disk there: the first of the second SCSI controller is `sdbm`. */
export function targetOf({ bus, controller, unit }: DiskPlace): string {
  return PREFIX[bus] + letters(controller * UNITS[bus] + unit);
}

/** The place that a name means; undefined for a name of another kind of disk, or beyond what there is room for. */
export function placeOf(bus: string | undefined, target: string): DiskPlace | undefined {
  if (bus !== "scsi" && bus !== "ide") return undefined;
  const [, prefix, tail] = /^([a-z]d)([a-z]{1,2})$/.exec(target) ?? [];
  if (tail === undefined || prefix !== PREFIX[bus]) return undefined;
  const number = Array.from(tail).reduce((n, letter) => n * 26 + letter.charCodeAt(0) - 96, 0) - 1;
  const controller = Math.floor(number / UNITS[bus]);
  return controller < CONTROLLERS[bus] ? { bus, controller, unit: number % UNITS[bus] } : undefined;
}

/** 0 is `a`, 25 `z`, 26 `aa`. */
function letters(number: number): string {
  const last = String.fromCharCode(97 + (number % 26));
  return number < 26 ? last : letters(Math.floor(number / 26) - 1) + last;
}
