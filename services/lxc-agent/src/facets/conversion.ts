import type { Call } from "@virtmesh/core/call";
import type { ConversionFacet, NativeFormat } from "@virtmesh/core/driver/conversion";
import { fromNative } from "../native/from-native.ts";
import { toNative } from "../native/to-native.ts";

/** As libvirt calls it. */
const FORMAT: NativeFormat = {
  name: "lxc-tools",
  description: "the configuration of LXC (lxc.container.conf)",
  canRead: true,
  canWrite: true,
};

export class LxcConversion implements ConversionFacet {
  formats(): readonly NativeFormat[] {
    return [FORMAT];
  }

  async fromNative(_format: string, config: string, _c: Call): Promise<string> {
    return fromNative(config);
  }

  async toNative(_format: string, xml: string, _c: Call): Promise<string> {
    return toNative(xml);
  }
}
