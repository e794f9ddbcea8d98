import type { Call } from "@virtmesh/core/call";
import type { ConversionFacet, NativeFormat } from "@virtmesh/core/driver/conversion";
import { fromXl } from "../xl-cfg/from-xl.ts";
import { fromXm } from "../xl-cfg/from-xm.ts";
import { toXl } from "../xl-cfg/to-xl.ts";
import { toXm } from "../xl-cfg/to-xm.ts";

const XM = "xen-xm";

/** As libvirt calls them. */
const FORMATS: readonly NativeFormat[] = [
  { name: "xen-xl", description: "the configuration of xl (xl.cfg)", canRead: true, canWrite: true },
  {
    name: XM,
    description: "the configuration of xm, the toolstack before Xen 4.5",
    canRead: true,
    canWrite: true,
  },
];

export class XenConversion implements ConversionFacet {
  formats(): readonly NativeFormat[] {
    return FORMATS;
  }

  async fromNative(format: string, config: string, _c: Call): Promise<string> {
    return format === XM ? fromXm(config) : fromXl(config);
  }

  async toNative(format: string, xml: string, _c: Call): Promise<string> {
    return format === XM ? toXm(xml) : toXl(xml);
  }
}
