import type { Call } from "../call.ts";

export interface NativeFormat {
  /** `qemu-argv`, `xen-xl`, `vmware-vmx`, `lxc-tools`, ... */
  readonly name: string;
  readonly description: string;
  readonly canRead: boolean;
  readonly canWrite: boolean;
}

/** Between libvirt XML and the hypervisor's own form. Makes and changes nothing. */
export interface ConversionFacet {
  formats(): readonly NativeFormat[];
  /** `format` is one that can be read. @throws CONFIG_INVALID with the line of what was not understood */
  fromNative?(format: string, config: string, c: Call): Promise<string>;
  /** `format` is one that can be written. @throws XML_*, CONFIG_UNSUPPORTED for what the form cannot say */
  toNative?(format: string, xml: string, c: Call): Promise<string>;
}
