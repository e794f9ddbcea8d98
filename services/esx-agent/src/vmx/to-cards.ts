import type { Interface } from "@virtmesh/documents/domain/devices/interface";
import { NIC_MODELS } from "../definition/hardware.ts";
import { VMXNET2_FEATURES } from "./from-cards.ts";
import type { Pair } from "./settings.ts";
import { spacedUuid } from "./spaced-uuid.ts";
import { unsupported } from "./unsupported.ts";

/** So many cards a guest may have, by the version of its hardware. */
const MOST = { before: 4, since: 7, then: 10 };

/** Network cards. @throws CONFIG_UNSUPPORTED */
export function cardSettings(cards: readonly Interface[], hardwareVersion: number): readonly Pair[] {
  const most = hardwareVersion >= MOST.since ? MOST.then : MOST.before;
  if (cards.length > most)
    throw unsupported(
      `virtual hardware of version ${hardwareVersion} has ${most} network cards at most, and these are ${cards.length}`,
      "devices/interface",
    );
  return cards.flatMap((card, number) =>
    [
      ["present", "true"] as const,
      ...modelSettings(card),
      ...connectionSettings(card),
      ...macSettings(card),
    ].map(([name, value]): Pair => [`ethernet${number}.${name}`, value]),
  );
}

function modelSettings({ model }: Interface): readonly Pair[] {
  if (model === undefined) return [];
  if (!(model in NIC_MODELS))
    throw unsupported(
      `a network card must be of the model ${Object.keys(NIC_MODELS).join(", ")}, not ${model}`,
      "devices/interface/model",
    );
  if (model !== "vmxnet2") return [["virtualDev", model]];
  return [
    ["virtualDev", "vmxnet"],
    ["features", VMXNET2_FEATURES],
  ];
}

function connectionSettings(card: Interface): readonly Pair[] {
  switch (card.type) {
    case "bridge":
      return [
        ["networkName", card.source?.bridge ?? ""],
        ["connectionType", card.target?.dev === undefined ? "bridged" : "custom"],
        ...(card.target?.dev === undefined ? [] : [["vnet", card.target.dev] as const]),
      ];
    case "user":
      return [["connectionType", "nat"]];
    case "null":
      return [];
    case "vds": {
      const { switchid, portid = 0n, portgroupid = "", connectionid = 0n } = card.source;
      return [
        ["dvs.switchId", spacedUuid(switchid)],
        ["dvs.portId", String(portid)],
        ["dvs.portgroupId", portgroupid],
        ["dvs.connectionId", String(connectionid)],
      ];
    }
    default:
      throw unsupported(
        `a .vmx file has network cards of the types bridge, user, null and vds, and not ${card.type}`,
        "devices/interface",
      );
  }
}

/** VMware's own addresses say who gave them: 00:0c:29 the host, 00:50:56 up to 3f an administrator, from 80 to bf vCenter. */
function macSettings({ mac }: Interface): readonly Pair[] {
  if (mac === undefined) return [["addressType", "generated"]];
  const address = mac.address.toLowerCase();
  const [, , , fourth = ""] = address.split(":");
  const third = Number.parseInt(fourth, 16);
  const isManual = address.startsWith("00:50:56") && third <= 0x3f;
  const isVcenters = address.startsWith("00:50:56") && third >= 0x80 && third <= 0xbf;
  const isGenerated = address.startsWith("00:0c:29") || isVcenters;
  const type = mac.type ?? (isGenerated ? "generated" : "static");
  const isForeign = !isGenerated && !isManual;
  const check = mac.check ?? (isForeign && mac.type !== "generated" ? false : undefined);
  const checked: readonly Pair[] = check === undefined ? [] : [["checkMACAddress", String(check)]];
  if (type === "static") return [["addressType", "static"], ["address", address], ...checked];
  return [
    ["addressType", isVcenters ? "vpx" : "generated"],
    ["generatedAddress", address],
    ...(isVcenters ? [] : [["generatedAddressOffset", "0"] as const]),
    ...checked,
  ];
}
