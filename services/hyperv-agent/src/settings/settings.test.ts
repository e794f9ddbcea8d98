import { completeDomain } from "@virtmesh/documents/domain/complete";
import { parseDomain } from "@virtmesh/documents/domain/document";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { settingPath, switchPath } from "../msvm/object-path.ts";
import { settled } from "./check.ts";
import { hardwareOf, NOTHING } from "./hardware.ts";
import { GENERATION, type HostNames, KINDS, type SystemSettings } from "./model.ts";
import { definitionOf } from "./read.ts";
import {
  connectionOf,
  driveOf,
  hardwareChange,
  mediumOf,
  memoryOf,
  portOf,
  processorOf,
  systemForChange,
} from "./write.ts";

const GUID = "73247744-F112-4AF1-8FE5-BF2EC55F51C9";
const SWITCH = "0A0A0A0A-0000-4000-8000-000000000009";
const NAMES: HostNames = { server: "HV1", switches: new Map([[SWITCH, "External"]]) };
const RASD = "Msvm_ResourceAllocationSettingData";

const XML = `<domain type='hyperv'>
  <name>web</name><uuid>${GUID.toLowerCase()}</uuid><description>a note</description>
  <memory unit='MiB'>1024</memory><currentMemory unit='MiB'>512</currentMemory><vcpu>2</vcpu>
  <os firmware='efi'><type arch='x86_64'>hvm</type></os>
  <devices>
    <disk type='file' device='disk'><source file='C:\\vhd\\a.vhdx'/><target dev='sda' bus='scsi'/></disk>
    <disk type='file' device='cdrom'><target dev='sdb' bus='scsi'/></disk>
    <controller type='scsi' index='0'/>
    <interface type='bridge'><mac address='00:15:5d:00:00:01'/><source bridge='External'/></interface>
  </devices>
</domain>`;

function domain(xml: string): IdentifiedDomain {
  return completeDomain(parseDomain(xml)).definition;
}

/** The settings that a host has after it was told everything that `write` says of a definition. */
function settingsOf(definition: IdentifiedDomain): SystemSettings {
  const id = (rest: string): string => `Microsoft:${GUID}\\${rest}`;
  const change = hardwareChange(definition, NOTHING);
  const controllers = Array.from({ length: change.scsiControllers }, (_, i) => ({
    ...KINDS.scsi,
    InstanceID: id(`SCSI${i}\\0`),
  }));
  const drives = change.disks.map((disk, i) => ({
    ...driveOf(disk, settingPath("HV1", RASD, controllers[disk.place.controller]?.InstanceID ?? "")),
    InstanceID: id(`DRIVE${i}\\0`),
  }));
  const ports = change.nics.map((nic, i) => ({ ...portOf(nic), InstanceID: id(`PORT${i}`) }));
  return {
    system: {
      InstanceID: `Microsoft:${GUID}`,
      VirtualSystemSubType: definition.os.firmwareKind === "efi" ? GENERATION.efi : GENERATION.bios,
      ...systemForChange(definition, GUID, { InstanceID: `Microsoft:${GUID}` }),
    },
    memory: memoryOf(definition),
    processor: processorOf(definition),
    resources: [...controllers, ...drives],
    media: change.disks.flatMap((disk, i) =>
      disk.file === ""
        ? []
        : [
            {
              ...mediumOf(disk, settingPath("HV1", RASD, drives[i]?.InstanceID ?? "")),
              InstanceID: id(`MEDIUM${i}`),
            },
          ],
    ),
    ports: ports.map((port) => ({ kind: "synthetic", port })),
    connections: ports.map((port, i) => ({
      ...connectionOf(
        settingPath("HV1", "Msvm_SyntheticEthernetPortSettingData", port.InstanceID),
        switchPath("HV1", SWITCH),
      ),
      InstanceID: id(`CONNECTION${i}`),
    })),
  };
}

describe("settings of Hyper-V and a definition of libvirt", () => {
  it("say the same, either from the other", () => {
    const definition = settled(domain(XML));
    const settings = settingsOf(definition);
    expect(settings.memory).toMatchObject({
      VirtualQuantity: 512n,
      Limit: 1024n,
      DynamicMemoryEnabled: true,
    });
    expect(definitionOf(GUID, settings, NAMES)).toEqual(definition);
    const change = hardwareChange(definition, hardwareOf(settings, NAMES));
    expect(change).toEqual({ removed: [], scsiControllers: 0, disks: [], nics: [] });
  });

  it("differ by what hangs at something, which goes before that", () => {
    const definition = settled(domain(XML));
    const without = { ...definition, devices: { ...definition.devices, disks: [], interfaces: [] } };
    const { removed } = hardwareChange(without, hardwareOf(settingsOf(definition), NAMES));
    expect(removed.map(({ id }) => id.replace(/^.*?\\/, ""))).toEqual([
      "MEDIUM0",
      "DRIVE0\\0",
      "DRIVE1\\0",
      "CONNECTION0",
      "PORT0",
    ]);
  });

  it("with a BIOS have two IDE controllers, which no definition names", () => {
    const ide = [0, 1].map((n) => ({
      ...KINDS.ide,
      InstanceID: `Microsoft:${GUID}\\IDE${n}`,
      Address: String(n),
    }));
    const drive = driveOf(
      { place: { bus: "ide", controller: 1, unit: 0 }, device: "disk", file: "" },
      settingPath("HV1", RASD, `Microsoft:${GUID}\\IDE1`),
    );
    const bare = settingsOf(settled(domain(XML.replace(/ firmware='efi'|<devices>[\s\S]*<\/devices>/g, ""))));
    const read = definitionOf(GUID, { ...bare, resources: [...ide, drive] }, NAMES);
    expect(read.devices.controllers).toEqual([]);
    expect(read.devices.disks.map(({ target }) => target)).toEqual([{ dev: "hdc", bus: "ide" }]);
    expect(read.os.firmwareKind).toBeUndefined();
  });

  it("fill in the controllers that disks hang at", () => {
    const xml = XML.replace("<controller type='scsi' index='0'/>", "").replace("'sdb'", "'sdbm'");
    expect(settled(domain(xml)).devices.controllers).toEqual([
      { type: "scsi", index: 0 },
      { type: "scsi", index: 1 },
    ]);
  });

  it.each([
    ["a bus that Hyper-V has not", "bus='scsi'/></disk>", "bus='virtio'/></disk>", /sda/],
    ["IDE beside UEFI", "dev='sdb' bus='scsi'", "dev='hda' bus='ide'", /hda on IDE/],
    ["a network that is no switch", "type='bridge'", "type='user'", /interface/],
    ["a device that Hyper-V has not", "</devices>", "<sound model='ich9'/></devices>", /sound/],
  ])("are refused for %s", (_, from, to, message) => {
    const xml = XML.replace(from, to).replace("<source bridge='External'/>", (found) =>
      to.includes("user") ? "" : found,
    );
    expect(() => settled(domain(xml))).toThrow(
      expect.objectContaining({ reason: "CONFIG_UNSUPPORTED", message: expect.stringMatching(message) }),
    );
  });
});
