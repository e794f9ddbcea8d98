import { assignSpaprRegisters, SPAPR_BASE } from "../addresses/spapr-vio.ts";
import type { PlacedAt } from "../addresses/placed.ts";
import type { DomainDraft } from "../walk.ts";
import { walkList } from "../walk.ts";
import type { Board } from "./machine.ts";

/** Puts the devices of pseries' virtual I/O bus there, and gives each its register. */
export function addSpaprAddresses(draft: DomainDraft, board: Board): void {
  const pseries = board === "pseries";
  const on = <P extends PlacedAt>(placed: readonly P[], base: bigint, always: (p: P) => boolean) =>
    placed.map((p) => {
      if (always(p) && p.device.address?.type !== "spapr-vio") p.device.address = { type: "spapr-vio" };
      return { device: p.device, path: p.path, base };
    });
  const { nvram } = draft.devices;
  assignSpaprRegisters([
    ...on(walkList(draft, "interfaces"), SPAPR_BASE.interface, ({ device }) => device.model === "spapr-vlan"),
    ...on(
      walkList(draft, "controllers"),
      SPAPR_BASE.scsi,
      ({ device }) => device.type === "scsi" && device.model === "ibmvscsi",
    ),
    ...on(
      walkList(draft, "serials"),
      SPAPR_BASE.serial,
      ({ device }) => device.target?.type === "spapr-vio-serial",
    ),
    ...on(
      nvram === undefined ? [] : [{ device: nvram, path: "devices/nvram" }],
      SPAPR_BASE.nvram,
      () => pseries,
    ),
    ...on(
      walkList(draft, "tpms"),
      SPAPR_BASE.tpm,
      ({ device }) => pseries && device.model !== "spapr-tpm-proxy",
    ),
  ]);
}
