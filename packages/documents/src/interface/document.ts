import { isIPv6 } from "node:net";
import { document } from "../schema/document.ts";
import { refuseAt } from "../schema/refuse.ts";
import { type InterfaceDefinition, interfaceSchema } from "./model.ts";

const interfaceDocument = document("interface", interfaceSchema, validateInterface);

/**
 * Reads and checks an interface of the host.
 * @throws XML_SYNTAX, XML_FORBIDDEN, XML_LIMIT, XML_UNKNOWN, XML_INVALID with path, line and column
 */
export function parseInterface(xml: string): InterfaceDefinition {
  return interfaceDocument.parse(xml);
}

export function formatInterface(definition: InterfaceDefinition): string {
  return interfaceDocument.format(definition);
}

function validateInterface(definition: InterfaceDefinition): void {
  checkProtocols(definition);
  if (definition.type === "bond") checkBond(definition.bond, "/interface/bond");
  if (definition.type === "bridge") {
    definition.bridge.interfaces.forEach((member, i) => {
      if (member.type === "bond") checkBond(member.bond, `/interface/bridge/interface[${i + 1}]/bond`);
    });
  }
}

function checkProtocols({ protocols }: InterfaceDefinition): void {
  protocols.forEach((protocol, i) => {
    const path = `/interface/protocol[${i + 1}]`;
    const six = protocol.family === "ipv6";
    if (protocols.findIndex((other) => other.family === protocol.family) < i)
      refuseAt(path, `there is one <protocol> for ${protocol.family} already`);
    if (protocol.autoconf === true && !six) refuseAt(`${path}/autoconf`, "only IPv6 configures itself");
    for (const address of [
      ...protocol.ips.map((ip) => ip.address),
      ...(protocol.gateway === undefined ? [] : [protocol.gateway]),
    ]) {
      if (isIPv6(address) !== six) refuseAt(path, `${address} is not of the family ${protocol.family}`);
    }
    for (const { prefix = 0 } of protocol.ips) {
      if (!six && prefix > 32) refuseAt(path, `an IPv4 prefix has at most 32 bits, not ${prefix}`);
    }
  });
}

type Bond = Extract<InterfaceDefinition, { readonly type: "bond" }>["bond"];

function checkBond(bond: Bond, path: string): void {
  if (bond.interfaces.length === 0) refuseAt(path, "a bond needs at least one <interface>");
  if (bond.miiMonitor !== undefined && bond.arpMonitor !== undefined)
    refuseAt(path, "<miimon> and <arpmon> exclude each other");
}
