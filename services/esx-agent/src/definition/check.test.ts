import { EsxConversion } from "../facets/conversion.ts";
import { EsxDomains } from "../facets/domains.ts";
import type { EsxServer } from "../server.ts";

/** As much of a server as reading definitions asks for. */
const server = {
  guests: { all: () => [], find: () => undefined },
  place: { volumes: new Map(), datastores: new Set(["datastore1"]), datastore: "datastore1" },
} as unknown as EsxServer;

const VMX = `config.version = "8"
virtualHW.version = "19"
displayName = "web"
memSize = "64"
numvcpus = "1"
guestOS = "otherlinux-64"
scsi0.present = "true"
scsi0.virtualDev = "pvscsi"
scsi0:0.present = "true"
scsi0:0.deviceType = "scsi-hardDisk"
scsi0:0.fileName = "/vmfs/volumes/datastore1/web/web.vmdk"
sata0.present = "true"
sata0:0.present = "true"
sata0:0.deviceType = "cdrom-image"
sata0:0.fileName = "/vmfs/volumes/datastore1/a.iso"
ide0:0.present = "true"
ide0:0.deviceType = "cdrom-image"
ide0:0.fileName = "/vmfs/volumes/datastore1/a.iso"
floppy0.present = "true"
floppy0.fileType = "file"
floppy0.fileName = "/vmfs/volumes/datastore1/f.flp"
ethernet0.present = "true"
ethernet0.virtualDev = "vmxnet3"
ethernet0.networkName = "VM Network"
ethernet0.connectionType = "bridged"
ethernet0.addressType = "generated"
ethernet0.generatedAddress = "00:0c:29:00:00:09"
`;

describe("a definition", () => {
  it("that a .vmx file was read as can be defined", async () => {
    const { signal } = new AbortController();
    const call = { signal, trace: "", actor: "", requestId: "" };
    const xml = await new EsxConversion(server).fromNative("vmware-vmx", VMX, call);
    expect(new EsxDomains(server).parse(xml)).toMatchObject({ name: "web" });
  });

  it.each([
    ["<clock offset='utc' adjustment='reset'/>", "clock/adjustment"],
    ["<on_crash>preserve</on_crash>", "on_?[cC]rash"],
    ["<devices><video><model type='vmvga' vram='8192'/></video></devices>", "video"],
    ["<devices><video><model type='vmvga' heads='2'/></video></devices>", "video.*heads"],
    ["<devices><controller type='sata' index='0' model='ich9-ahci'/></devices>", "controller"],
  ])("with %s is refused with its place", (more, place) => {
    const xml = `<domain type='vmware'><name>web</name><memory unit='MiB'>64</memory><os><type>hvm</type></os>${more}</domain>`;
    expect(() => new EsxDomains(server).parse(xml)).toThrow(new RegExp(place));
  });

  it.each([
    ["<address type='drive' controller='0' bus='0' target='0' unit='3'/>", "disk\\[sda\\]/address"],
    ["<serial>1</serial>", "disk\\[sda\\]/serial"],
  ])("of a disk with %s is refused with its place", (more, place) => {
    const disk = `<disk type='file'><source file='[datastore1] a.vmdk'/><target dev='sda' bus='sata'/>${more}</disk>`;
    const xml = `<domain type='vmware'><name>web</name><memory unit='MiB'>64</memory><os><type>hvm</type></os><devices>${disk}</devices></domain>`;
    expect(() => new EsxDomains(server).parse(xml)).toThrow(new RegExp(place));
  });
});
