import type { Interface } from "@virtmesh/documents/domain/devices/interface";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { joinFields } from "./fields.ts";
import { isHvm, some } from "./to-machine.ts";
import { type Dialect, type Pair, unsupported } from "./setting.ts";

/** Network cards. @throws CONFIG_UNSUPPORTED */
export function cardSettings(definition: DomainDefinition, dialect: Dialect): readonly Pair[] {
  const { interfaces } = definition.devices;
  const hvm = isHvm(definition);
  return some(
    "vif",
    interfaces.map((nic, i) => card(nic, hvm, dialect, `devices/interface[${i + 1}]`)),
  );
}

function card(nic: Interface, hvm: boolean, dialect: Dialect, path: string): string {
  // A card that only Xen's own drivers see; the others can be driven by either.
  const isBare = hvm && nic.model === "netfront";
  // The KB of xl are a thousand bytes, the units of documents are 1024.
  const { average } = nic.bandwidth?.outbound ?? {};
  return joinFields(
    [
      ["mac", nic.mac?.address],
      ...connectionOf(nic, path),
      ["type", isBare ? (dialect === "xl" ? "vif" : "netfront") : undefined],
      ["model", isBare ? undefined : nic.model],
      ["vifname", nic.target?.dev],
      ["rate", average === undefined ? undefined : `${average * 1024n}B/s`],
      ["backend", nic.backendDomain],
      ["mtu", nic.mtu],
    ],
    path,
  );
}

/** What a card is plugged into. @throws CONFIG_UNSUPPORTED */
export function connectionOf(
  nic: Interface,
  path: string,
): readonly (readonly [string, string | undefined])[] {
  const ips = nic.ips.length === 0 ? undefined : nic.ips.map(({ address }) => address).join(" ");
  switch (nic.type) {
    case "ethernet":
      return [
        ["script", nic.script],
        ["ip", ips],
      ];
    case "bridge": {
      const isOpenVswitch = nic.virtualport?.type === "openvswitch";
      return [
        ["bridge", `${nic.source?.bridge ?? ""}${isOpenVswitch ? tags(nic) : ""}`],
        ["ip", ips],
        ["script", nic.script ?? (isOpenVswitch ? "vif-openvswitch" : "vif-bridge")],
      ];
    }
    case "network":
      throw unsupported(
        `Xen's files know bridges and no networks: put the bridge of the network "${nic.source.network}" in its place`,
        `${path}/@type`,
      );
    default:
      throw unsupported(
        `a card of a guest of Xen is on a bridge or by itself (ethernet), not of the type ${nic.type}`,
        `${path}/@type`,
      );
  }
}

/** `.42` for frames of one tag, `:42:43` for those of several. */
function tags({ vlan }: Interface): string {
  if (vlan === undefined) return "";
  return vlan.tags.map(({ id }) => `${vlan.trunk === true ? ":" : "."}${id}`).join("");
}
