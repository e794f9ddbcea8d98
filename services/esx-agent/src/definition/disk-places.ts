/** Where on its controllers vSphere has a disk. */
export interface DiskPlace {
  readonly bus: "scsi" | "ide" | "sata" | "fdc";
  /** Number of the controller among those of its kind. */
  readonly controller: number;
  readonly unit: number;
}

/** A SCSI controller is its own seventh unit. */
export const SCSI_SELF = 7;
const PER_CONTROLLER = { scsi: 15, ide: 2, sata: 30, fdc: 2 } as const;
const PREFIX = { scsi: "sd", ide: "hd", sata: "sd", fdc: "fd" } as const;

/** The name that libvirt gives a disk there: the third of the second SCSI controller is `sdr`. */
export function targetOf({ bus, controller, unit }: DiskPlace): string {
  const within = bus === "scsi" && unit > SCSI_SELF ? unit - 1 : unit;
  return PREFIX[bus] + letters(controller * PER_CONTROLLER[bus] + within);
}

/** The place that a name means; undefined for a name of another kind of disk. */
export function placeOf(bus: DiskPlace["bus"], target: string): DiskPlace | undefined {
  const [, prefix, tail] = /^([a-z]d)([a-z]{1,2})$/.exec(target) ?? [];
  if (tail === undefined || prefix !== PREFIX[bus]) return undefined;
  const number = Array.from(tail).reduce((n, letter) => n * 26 + letter.charCodeAt(0) - 96, 0) - 1;
  const within = number % PER_CONTROLLER[bus];
  return {
    bus,
    controller: Math.floor(number / PER_CONTROLLER[bus]),
    unit: bus === "scsi" && within >= SCSI_SELF ? within + 1 : within,
  };
}

/** 0 is `a`, 25 `z`, 26 `aa`. */
function letters(number: number): string {
  const last = String.fromCharCode(97 + (number % 26));
  return number < 26 ? last : letters(Math.floor(number / 26) - 1) + last;
}
