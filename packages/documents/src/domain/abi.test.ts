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
});
