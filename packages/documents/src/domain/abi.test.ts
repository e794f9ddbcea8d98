import { minimal, WORKSTATION } from "../testing/domains.ts";
import { compareAbi } from "./abi.ts";
import { parseDomain } from "./document.ts";

const original = parseDomain(WORKSTATION);
const changed = (from: string | RegExp, to: string) => {
  const xml = WORKSTATION.replace(from, to);
  expect(xml).not.toBe(WORKSTATION);
  return compareAbi(original, parseDomain(xml));
};

describe("what a guest can see", () => {
  it.each([
    ["its name", "<name>workstation</name>", "<name>other</name>"],
    ["its title", /<title>.*<\/title>/, ""],
    ["the path of an image", "/var/lib/images/workstation.qcow2", "/srv/ws.raw"],
    ["the format of an image", "type='qcow2'", "type='raw'"],
    ["the bridge of the host", "bridge='br0'", "bridge='br9'"],
    ["the name of the tap", "vnet7", "vnet1"],
    ["the terminal of the serial port", /\/dev\/pts\/3/g, "/dev/pts/9"],
    ["where VNC listens", "port='5903'", "port='5999'"],
    ["how its memory is measured", "<memory unit='KiB'>4194304", "<memory unit='GiB'>4"],
    ["the balloon's present size", "<currentMemory unit='KiB'>2097152", "<currentMemory unit='KiB'>1097152"],
    ["the cache mode on the host", "io='native'", "io='threads'"],
    ["aliases", "name='virtio-disk0'", "name='disk0'"],
  ])("does not include %s", (_, from, to) => {
    expect(changed(from, to)).toEqual([]);
  });

  it.each([
    ["memory", "<memory unit='KiB'>4194304", "<memory unit='KiB'>8388608", "memory"],
    ["the machine", "pc-q35-7.2", "pc-q35-8.0", "os/type/machine"],
    ["the UUID", "3c7f2a4e", "3c7f2a4f", "uuid"],
    ["the CPU", "Haswell", "Skylake-Client", "cpu/model/name"],
    ["a CPU feature", "<feature policy='require' name='vmx'/>", "", "cpu/features/vmx"],
    [
      "a MAC address",
      "52:54:00:aa:bb:02",
      "52:54:00:aa:bb:03",
      "devices/interface[52:54:00:aa:bb:02]/present",
    ],
    ["the model of a card", "type='e1000'", "type='rtl8139'", "devices/interface[52:54:00:aa:bb:02]/model"],
    ["the bus of a disk", "dev='vda' bus='virtio'", "dev='vda' bus='xen'", "devices/disk[vda]/bus"],
    ["the serial of a disk", "WS-0001", "WS-0002", "devices/disk[vda]/serial"],
    ["an address", "bus='0x04' slot='0x00'", "bus='0x05' slot='0x00'", "devices/disk[vda]/address/bus"],
    ["a device", "<watchdog model='itco' action='reset'/>", "", "devices/watchdog[1]/present"],
    ["the accelerator", "<domain type='kvm'", "<domain type='qemu'", "type"],
  ])("includes %s", (_, from, to, path) => {
    expect(changed(from, to).map((d) => d.path)).toContain(path);
  });

  it("counts numbers left out of an address as 0", () => {
    const balloon = (address: string) =>
      parseDomain(minimal("", `<memballoon model='virtio'><address type='pci' ${address}/></memballoon>`));
    const full = balloon("domain='0' bus='0x00' slot='0x05' function='0x0'");
    expect(compareAbi(balloon("slot='5'"), full)).toEqual([]);
  });

  const MANY = minimal(
    "<vcpu current='2'>4</vcpu><maxMemory slots='4' unit='GiB'>8</maxMemory><cpu><numa><cell id='0' cpus='0,1,2-3' memory='64' unit='MiB' memAccess='shared'/></numa></cpu>" +
      "<features><acpi/><hyperv><relaxed state='on'/></hyperv><tcg><tb-cache unit='MiB'>64</tb-cache></tcg></features>" +
      "<clock offset='utc'><timer name='tsc' frequency='1000' mode='native'/><timer name='rtc' tickpolicy='catchup'/></clock>",
    "<filesystem accessmode='mapped'><source dir='/a'/><target dir='tag'/></filesystem>" +
      "<sound model='ich9'><codec type='micro'/></sound>" +
      "<hostdev mode='subsystem' type='usb'><source><vendor id='0x1'/><product id='0x2'/></source></hostdev>" +
      "<redirdev bus='usb' type='spicevmc'/>" +
      "<redirfilter><usbdev class='0x08' allow='no'/></redirfilter>" +
      "<rng model='virtio'><backend model='random'>/dev/random</backend></rng>" +
      "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>" +
      "<shmem name='s'><model type='ivshmem-plain'/><size unit='M'>4</size></shmem>" +
      "<memory model='dimm'><target><size unit='MiB'>32</size><node>0</node></target></memory>" +
      "<iommu model='intel'><driver iotlb='on'/></iommu>" +
      "<vsock model='virtio'><cid auto='no' address='4'/></vsock>" +
      "<watchdog model='i6300esb' action='reset'/>",
  );
  const onQ35 = (xml: string) => xml.replace("machine='pc'", "machine='q35'");
  const manyChanged = (from: string, to: string) => {
    expect(MANY).toContain(from);
    return compareAbi(parseDomain(onQ35(MANY)), parseDomain(onQ35(MANY.replace(from, to)))).map(
      (d) => d.path,
    );
  };

  it.each([
    ["where a directory is on the host", "dir='/a'", "dir='/b'"],
    ["which device of the host it has", "<vendor id='0x1'/>", "<vendor id='0x3'/>"],
    ["where random numbers come from", "/dev/random", "/dev/urandom"],
    ["what is done when a watchdog barks", "action='reset'", "action='pause'"],
    ["how QEMU emulates", "<tb-cache unit='MiB'>64", "<tb-cache unit='MiB'>32"],
    ["how a set of processors is written", "cpus='0,1,2-3'", "cpus='0-3'"],
    ["how memory of a node is shared", "memAccess='shared'", "memAccess='private'"],
    ["how the host keeps up its clock", "tickpolicy='catchup'", "tickpolicy='delay'"],
  ])("does not include %s", (_, from, to) => {
    expect(manyChanged(from, to)).toEqual([]);
  });

  it.each([
    ["how many processors are there", "current='2'", "current='3'", "vcpu/current"],
    ["slots for memory", "slots='4'", "slots='5'", "memorySlots"],
    ["a feature for Windows", "<relaxed state='on'/>", "", "features/hyperv/relaxed/state"],
    ["the speed of the TSC", "frequency='1000'", "frequency='2000'", "clock/timers/tsc/frequency"],
    ["the name of a directory", "dir='tag'", "dir='other'", "devices/filesystem[tag]/present"],
    ["a codec", "type='micro'", "type='duplex'", "devices/sound[1]/codecs/0"],
    ["the rules for USB of viewers", "allow='no'", "allow='yes'", "devices/redirfilter/0/allow"],
    ["the version of a TPM", "version='2.0'", "", "devices/tpm[1]/backend/version"],
    ["shared memory", "<size unit='M'>4", "<size unit='M'>8", "devices/shmem[s]/size"],
    ["modules", "<size unit='MiB'>32", "<size unit='MiB'>64", "devices/memory[1]/size"],
    ["the IOMMU", "iotlb='on'", "iotlb='off'", "devices/iommu[1]/driver/iotlb"],
    [
      "the form of virtio",
      "<vsock model='virtio'",
      "<vsock model='virtio-transitional'",
      "devices/vsock[1]/model",
    ],
  ])("includes %s", (_, from, to, path) => {
    expect(manyChanged(from, to)).toContain(path);
  });
});
