import { bandwidthSchema, virtualportSchema, vlanSchema } from "../domain/devices/network-parts.ts";
import { normalVlan, portOptionsSchema } from "../network/port-settings.ts";
import { checkVlan } from "../network/validate.ts";
import { document } from "../schema/document.ts";
import { hex, mac, nonEmpty, oneOf, text, uuid, yesNo } from "../schema/kinds.ts";
import { attribute, attributeChild, child, defaulted, maybe, optional, textChild } from "../schema/parts.ts";
import type { ModelOf } from "../schema/schema.ts";
import { choice, element } from "../schema/schema.ts";

const bridge = {
  bridge: attribute("bridge", nonEmpty),
  macTableManager: maybe("macTableManager", oneOf("kernel", "libvirt")),
} as const;

/** The `<networkport>` document: what one interface of a guest got from its network. */
export const networkPortSchema = element({
  uuid: textChild("uuid", uuid),
  owner: child("owner", element({ name: textChild("name", text), uuid: textChild("uuid", uuid) })),
  group: optional(textChild("group", nonEmpty)),
  mac: attributeChild("mac", "address", mac),
  virtualPort: optional(child("virtualport", virtualportSchema)),
  bandwidth: optional(child("bandwidth", bandwidthSchema)),
  vlan: optional(child("vlan", vlanSchema)),
  port: optional(child("port", portOptionsSchema)),
  rxFilters: optional(child("rxfilters", element({ trustGuest: maybe("trustGuest", yesNo) }))),
  plug: optional(
    child(
      "plug",
      choice("type", {
        network: bridge,
        bridge,
        direct: {
          dev: attribute("dev", nonEmpty),
          mode: defaulted(
            attribute("mode", oneOf("vepa", "private", "bridge", "passthrough")),
            "vepa" as const,
          ),
        },
        "hostdev-pci": {
          managed: maybe("managed", yesNo),
          driver: optional(attributeChild("driver", "name", oneOf("kvm", "vfio", "xen"))),
          address: child(
            "address",
            element({
              domain: attribute("domain", hex(0xffffffff, 4)),
              bus: attribute("bus", hex(0xff, 2)),
              slot: attribute("slot", hex(0x1f, 2)),
              function: attribute("function", hex(0x7, 1)),
            }),
          ),
        },
      }),
    ),
  ),
});

/** A `<networkport>` document as a value. */
export interface NetworkPortDefinition extends ModelOf<typeof networkPortSchema> {}

const networkPortDocument = document("networkport", networkPortSchema, ({ vlan }) => {
  if (vlan !== undefined) checkVlan(vlan, "/networkport/vlan");
});

/** @throws XML_SYNTAX, XML_FORBIDDEN, XML_LIMIT, XML_UNKNOWN, XML_INVALID with path, line and column */
export function parseNetworkPort(xml: string): NetworkPortDefinition {
  const port = networkPortDocument.parse(xml);
  return port.vlan === undefined ? port : { ...port, vlan: normalVlan(port.vlan) };
}

export function formatNetworkPort(port: NetworkPortDefinition): string {
  return networkPortDocument.format(port);
}
