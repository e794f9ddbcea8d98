import type { Call } from "@virtmesh/core/call";
import type { ConversionFacet, NativeFormat } from "@virtmesh/core/driver/conversion";
import type { EsxServer } from "../server.ts";
import { textAt } from "../vim/node.ts";
import { datastorePath } from "../vmx/datastore-paths.ts";
import { fromVmx, uuidOf } from "../vmx/from-vmx.ts";
import { hardwareVersionOf } from "../vmx/hardware-version.ts";
import { VmxSettings } from "../vmx/settings.ts";
import { toVmx } from "../vmx/to-vmx.ts";

/** As libvirt calls it. */
const FORMAT: NativeFormat = {
  name: "vmware-vmx",
  description: "the .vmx file of a guest of VMware",
  canRead: true,
  canWrite: true,
};

/** Where a file stands of which only the text is known; as libvirt writes it. */
const SOMEWHERE = "[?] ?";

export class EsxConversion implements ConversionFacet {
  readonly #server: EsxServer;

  constructor(server: EsxServer) {
    this.#server = server;
  }

  formats(): readonly NativeFormat[] {
    return [FORMAT];
  }

  async fromNative(_format: string, config: string, _c: Call): Promise<string> {
    const { volumes, datacenter } = this.#server.place;
    const places = {
      folder: this.#folderOf(VmxSettings.read(config)),
      nameOf: (volume: string) => volumes.get(volume) ?? volume,
    };
    return fromVmx(config, {
      pathOf: (fileName) => datastorePath(fileName, places),
      ...(datacenter === undefined ? {} : { datacenterPath: datacenter }),
    });
  }

  async toNative(_format: string, xml: string, _c: Call): Promise<string> {
    return toVmx(xml, hardwareVersionOf(this.#server.place.facts.version));
  }

  /** That of the guest of this UUID, where it is one of ours. */
  #folderOf(vmx: VmxSettings): string {
    const guest = this.#server.guests.find(uuidOf(vmx));
    const path = textAt(guest?.facts.config, "files", "vmPathName");
    return path === undefined ? SOMEWHERE : path.replace(/\/[^/]*$/, "");
  }
}
