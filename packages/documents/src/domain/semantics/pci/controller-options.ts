import { refuse } from "../refuse.ts";
import type { DomainDraft } from "../walk.ts";
import { walkList } from "../walk.ts";
import type { PciSituation } from "./assign.ts";
import { placeOf } from "./place.ts";

/** QEMU's device for each model of PCI controller. */
const DEVICES: Readonly<Record<string, string>> = {
  "pci-bridge": "pci-bridge",
  "dmi-to-pci-bridge": "i82801b11-bridge",
  "pcie-to-pci-bridge": "pcie-pci-bridge",
  "pcie-switch-upstream-port": "x3130-upstream",
  "pcie-switch-downstream-port": "xio3130-downstream",
  "pci-expander-bus": "pxb",
  "pcie-expander-bus": "pxb-pcie",
};

/** Writes down what a PCI controller is told beside its place: its device, and the numbers the guest sees. */
export function completeControllers(draft: DomainDraft, { board, traits }: PciSituation): void {
  for (const { device, path } of walkList(draft, "controllers")) {
    if (device.type !== "pci") continue;
    const index = device.index ?? 0;
    const place = placeOf(device);
    const name = nameOf(device.model, board === "pseries", traits.devices.has("pcie-root-port"));
    if (device.modelName === undefined && name !== undefined) device.modelName = name;
    switch (device.model) {
      case "pci-bridge":
        device.target = { chassisNr: index, ...device.target };
        if (index <= place.bus)
          refuse(
            path,
            `the index ${index} of a PCI bridge must be larger than that of the bus it sits on, ${place.bus}`,
            "CONFIG_UNSUPPORTED",
          );
        break;
      case "pcie-root-port":
        device.target = { chassis: index, port: (place.slot << 3) + place.function, ...device.target };
        break;
      case "pcie-switch-downstream-port":
        device.target = { chassis: index, port: place.slot, ...device.target };
        break;
      case "pci-expander-bus":
      case "pcie-expander-bus":
        device.target = { busNr: device.target?.busNr ?? freeBusNumber(draft, path), ...device.target };
        break;
      case "pci-root":
        if (board !== "pseries") break;
        device.target = {
          index: device.target?.index ?? (index === 0 ? 0 : freeHostBridge(draft, path)),
          ...device.target,
        };
        break;
      default:
        break;
    }
  }
}

function nameOf(model: string | undefined, pseries: boolean, genericRootPort: boolean): string | undefined {
  if (model === "pcie-root-port") return genericRootPort ? "pcie-root-port" : "ioh3420";
  if (model === "pci-root") return pseries ? "spapr-pci-host-bridge" : undefined;
  return model === undefined ? undefined : DEVICES[model];
}

function pciTargets(draft: DomainDraft) {
  return draft.devices.controllers.flatMap((c) => (c.type === "pci" ? [c] : []));
}

/** Two below the lowest: one for the expander, one for the bridge that is part of it. */
function freeBusNumber(draft: DomainDraft, path: string): number {
  const lowest = Math.min(256, ...pciTargets(draft).flatMap((c) => c.target?.busNr ?? []));
  if (lowest > 2) return lowest - 2;
  return refuse(
    `${path}/target/@busNr`,
    `no bus number is left below ${lowest}, the lowest of the expander buses; give this one a number`,
    "CONFIG_UNSUPPORTED",
  );
}

/** The lowest number that no host bridge has; 0 is the built-in one. */
function freeHostBridge(draft: DomainDraft, path: string): number {
  const taken = new Set(pciTargets(draft).flatMap((c) => c.target?.index ?? []));
  for (let index = 1; index <= 31; index += 1) if (!taken.has(index)) return index;
  return refuse(`${path}/target`, "no host bridge number from 1 to 31 is left", "CONFIG_UNSUPPORTED");
}
