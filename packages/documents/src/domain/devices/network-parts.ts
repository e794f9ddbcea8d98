import { big, int, nonEmpty, oneOf, uuid, yesNo } from "../../schema/kinds.ts";
import { attribute, child, maybe, optional, repeated } from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { element } from "../../schema/schema.ts";

/** Tags of the guest's frames. */
export const vlanSchema = element({
  trunk: maybe("trunk", yesNo),
  tags: repeated(
    "tag",
    element({
      id: attribute("id", int(0, 4095)),
      nativeMode: maybe("nativeMode", oneOf("tagged", "untagged")),
    }),
  ),
});

/** How the guest's port on a switch is set up. */
export const virtualportSchema = element({
  type: maybe("type", oneOf("802.1Qbg", "802.1Qbh", "openvswitch", "midonet")),
  parameters: optional(
    child(
      "parameters",
      element({
        managerid: maybe("managerid", int(0, 255)),
        typeid: maybe("typeid", int(0, 0xffffff)),
        typeidversion: maybe("typeidversion", int(0, 255)),
        instanceid: maybe("instanceid", uuid),
        interfaceid: maybe("interfaceid", uuid),
        profileid: maybe("profileid", nonEmpty),
      }),
    ),
  ),
});

/** KiB a second; `burst` in KiB. */
const rate = {
  average: maybe("average", big),
  peak: maybe("peak", big),
  floor: maybe("floor", big),
  burst: maybe("burst", big),
} as const;

export const bandwidthSchema = element({
  classId: maybe("classID", int()),
  inbound: optional(child("inbound", element(rate))),
  outbound: optional(child("outbound", element(rate))),
});

/** Addresses and routes that one end of a connection gets. */
export const ipConfiguration = {
  ips: repeated(
    "ip",
    element({
      address: attribute("address", nonEmpty),
      family: maybe("family", oneOf("ipv4", "ipv6")),
      prefix: maybe("prefix", int(0, 128)),
      peer: maybe("peer", nonEmpty),
    }),
  ),
  routes: repeated(
    "route",
    element({
      family: maybe("family", oneOf("ipv4", "ipv6")),
      address: attribute("address", nonEmpty),
      netmask: maybe("netmask", nonEmpty),
      prefix: maybe("prefix", int(0, 128)),
      gateway: attribute("gateway", nonEmpty),
      metric: maybe("metric", int()),
    }),
  ),
} as const;

export type Vlan = ModelOf<typeof vlanSchema>;
export type Virtualport = ModelOf<typeof virtualportSchema>;
export type Bandwidth = ModelOf<typeof bandwidthSchema>;
