import { int, nonEmpty, oneOf, uuid, yesNo } from "../schema/kinds.ts";
import { attribute, child, maybe, optional, repeated } from "../schema/parts.ts";
import type { ModelOf } from "../schema/schema.ts";
import { element } from "../schema/schema.ts";

/** How a port of a switch outside of the host is configured. */
export const virtualPortSchema = element({
  type: maybe("type", oneOf("802.1Qbg", "802.1Qbh", "openvswitch", "midonet")),
  parameters: optional(
    child(
      "parameters",
      element({
        managerId: maybe("managerid", int(0, 0xff)),
        typeId: maybe("typeid", int(0, 0xffffff)),
        typeIdVersion: maybe("typeidversion", int(0, 0xff)),
        instanceId: maybe("instanceid", uuid),
        interfaceId: maybe("interfaceid", uuid),
        profileId: maybe("profileid", nonEmpty),
      }),
    ),
  ),
});

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

/** Rates in KiB a second, bursts in KiB. */
const rate = element({
  average: maybe("average", int(0, 0xffffffff)),
  peak: maybe("peak", int(0, 0xffffffff)),
  floor: maybe("floor", int(0, 0xffffffff)),
  burst: maybe("burst", int(0, 0xffffffff)),
});

export const bandwidthSchema = element({
  /** Number of the class of traffic control, while it is in use. */
  classId: maybe("classID", int(1)),
  inbound: optional(child("inbound", rate)),
  outbound: optional(child("outbound", rate)),
});

/** Whether ports of a bridge see each other. */
export const portOptionsSchema = element({ isolated: maybe("isolated", yesNo) });

export type Bandwidth = ModelOf<typeof bandwidthSchema>;
export type Vlan = ModelOf<typeof vlanSchema>;
export type VirtualPort = ModelOf<typeof virtualPortSchema>;

/** As libvirt writes it: several tags, or a native one, are a trunk; `trunk='no'` is said by leaving it out. */
export function normalVlan(vlan: Vlan): Vlan {
  const { trunk, ...rest } = vlan;
  return trunk === true || vlan.tags.length > 1 ? { trunk: true, ...rest } : rest;
}
