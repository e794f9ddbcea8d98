import { refuse } from "../refuse.ts";
import type { PlacedAt } from "./placed.ts";
import { addressOf } from "./placed.ts";

/** Where QEMU puts the first device of each kind. */
export const SPAPR_BASE = {
  interface: 0x1000n,
  scsi: 0x2000n,
  nvram: 0x3000n,
  tpm: 0x4000n,
  serial: 0x3000_0000n,
} as const;

const STEP = 0x1000n;

export interface SpaprDevice extends PlacedAt {
  readonly base: bigint;
}

/** Gives devices of pseries' virtual I/O bus their registers, in that order. */
export function assignSpaprRegisters(devices: readonly SpaprDevice[]): void {
  const given = devices.flatMap(({ device }) => addressOf(device, "spapr-vio")?.reg ?? []).map(BigInt);
  const taken = new Set(given);
  for (const { device, path, base } of devices) {
    const address = addressOf(device, "spapr-vio");
    if (address === undefined) continue;
    if (address.reg !== undefined) {
      const reg = BigInt(address.reg);
      if (given.filter((r) => r === reg).length > 1)
        refuse(`${path}/address/@reg`, `the register 0x${reg.toString(16)} is that of another device`);
      continue;
    }
    let reg = base;
    while (taken.has(reg)) reg += STEP;
    taken.add(reg);
    address.reg = reg;
  }
}
