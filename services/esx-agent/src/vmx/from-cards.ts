import { parseUuid } from "@virtmesh/core/ids";
import type { Interface } from "@virtmesh/documents/domain/devices/interface";
import { NIC_MODELS } from "../definition/hardware.ts";
import type { VmxSettings } from "./settings.ts";

/** The second generation of vmxnet is the first with these features. */
export const VMXNET2_FEATURES = "15";

/** Network cards. @throws CONFIG_INVALID */
export function cardsOf(vmx: VmxSettings): readonly Interface[] {
  return vmx
    .numbersOf("ethernet")
    .filter((number) => vmx.flag(`ethernet${number}.present`))
    .map((number) => cardOf(vmx, `ethernet${number}`));
}

function cardOf(vmx: VmxSettings, prefix: string): Interface {
  const model = modelOf(vmx, prefix);
  const common = {
    ...macOf(vmx, prefix),
    ...(model === undefined ? {} : { model }),
    ...{ portForwards: [], ips: [], routes: [] },
  };
  const switchId = vmx.text(`${prefix}.dvs.switchId`);
  if (switchId !== undefined) return { type: "vds", ...common, source: portOf(vmx, prefix, switchId) };
  const network = vmx.text(`${prefix}.networkName`);
  const connection = vmx.word(`${prefix}.connectionType`);
  switch (connection) {
    case undefined:
      if (network === undefined) return { type: "null", ...common };
      return { type: "bridge", source: { bridge: network }, ...common };
    case "bridged":
      return { type: "bridge", source: { bridge: needed(vmx, prefix, "networkName") }, ...common };
    case "custom":
      return {
        ...{ type: "bridge", source: { bridge: needed(vmx, prefix, "networkName") }, ...common },
        target: { dev: needed(vmx, prefix, "vnet") },
      };
    case "nat":
      return { type: "user", ...common };
    default:
      throw vmx.wrong(`${prefix}.connectionType`, "has no counterpart in libvirt's documents");
  }
}

function needed(vmx: VmxSettings, prefix: string, what: string): string {
  return vmx.needed(`${prefix}.${what}`, "a card of this connectionType is connected to it");
}

function modelOf(vmx: VmxSettings, prefix: string): string | undefined {
  const word = vmx.word(`${prefix}.virtualDev`);
  if (word === undefined) return undefined;
  if (!(word in NIC_MODELS) || word === "vmxnet2")
    throw vmx.wrong(`${prefix}.virtualDev`, "is no model of a network card that libvirt's documents have");
  return word === "vmxnet" && vmx.text(`${prefix}.features`) === VMXNET2_FEATURES ? "vmxnet2" : word;
}

/** Who gave it the address stands beside the address, unless the file says nothing of it. */
function macOf(vmx: VmxSettings, prefix: string): Pick<Interface, "mac"> {
  const kind = vmx.word(`${prefix}.addressType`);
  if (kind !== undefined && kind !== "generated" && kind !== "vpx" && kind !== "static")
    throw vmx.wrong(`${prefix}.addressType`, 'must be "generated", "vpx" or "static"');
  const name = `${prefix}.${kind === "static" ? "address" : "generatedAddress"}`;
  const address = vmx.word(name);
  if (address === undefined) return {};
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(address)) throw vmx.wrong(name, "is no MAC address");
  const check = vmx.word(`${prefix}.checkMACAddress`);
  return {
    mac: {
      address,
      ...(kind === undefined ? {} : { type: kind === "static" ? "static" : "generated" }),
      ...(check === undefined ? {} : { check: check === "true" }),
    },
  };
}

function portOf(
  vmx: VmxSettings,
  prefix: string,
  switchId: string,
): Extract<Interface, { readonly type: "vds" }>["source"] {
  const switchid = parseUuid(switchId.replaceAll(/[ -]/g, ""));
  if (switchid === undefined) throw vmx.wrong(`${prefix}.dvs.switchId`, "is no UUID");
  const where = "it says where at the switch the card is";
  const number = (name: string): bigint => {
    vmx.needed(`${prefix}.dvs.${name}`, where);
    return vmx.integer(`${prefix}.dvs.${name}`) ?? 0n;
  };
  return {
    switchid,
    portid: number("portId"),
    portgroupid: vmx.needed(`${prefix}.dvs.portgroupId`, where),
    connectionid: number("connectionId"),
  };
}
