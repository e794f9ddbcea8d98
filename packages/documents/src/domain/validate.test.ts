import { minimal } from "../testing/domains.ts";
import { refusal } from "../testing/refusal.ts";
import { parseDomain } from "./document.ts";

const disk = (dev: string, inside = "<source file='/a'/>") =>
  `<disk type='file'>${inside}<target dev='${dev}' bus='virtio'/></disk>`;
const nic = (mac: string, inside = "") =>
  `<interface type='user'><mac address='${mac}'/>${inside}</interface>`;
const pci = (slot: number) => `<address type='pci' bus='0x00' slot='${slot}'/>`;

describe("a domain document is refused with", () => {
  it.each([
    ["a name that is a path", minimal().replace("tiny", "../tiny"), "must not contain"],
    ["no memory at all", minimal().replace(">64<", ">0<"), "a guest needs some memory"],
    [
      "more memory now than at most",
      minimal("<currentMemory unit='MiB'>65</currentMemory>"),
      "/domain/currentMemory",
    ],
    ["more CPUs now than at most", minimal("<vcpu current='3'>2</vcpu>"), "/domain/vcpu/@current"],
    [
      "a topology of another size",
      minimal("<vcpu>3</vcpu><cpu><topology sockets='1' cores='2' threads='1'/></cpu>"),
      "2 threads does not fit 3",
    ],
    ["two disks of one name", minimal("", disk("vda") + disk("vda")), "two disks are called vda"],
    ["a target that is no name", minimal("", disk("v/da")), "is no name of a disk"],
    [
      "a relative path",
      minimal("", disk("vda", "<source file='a.img'/>")),
      "is not absolute at /domain/devices/disk[1]/source",
    ],
    ["a disk without a source", minimal("", disk("vda", "")), "has no source"],
    [
      "two equal MAC addresses",
      minimal("", nic("52:54:00:00:00:01") + nic("52:54:00:00:00:01")),
      "two interfaces",
    ],
    ["a multicast MAC address", minimal("", nic("01:54:00:00:00:01")), "multicast"],
    [
      "two devices in one slot",
      minimal("", nic("52:54:00:00:00:01", pci(5)) + nic("52:54:00:00:00:02", pci(5))),
      "PCI 0:0:5:0",
    ],
    [
      "two controllers of one index",
      minimal("", "<controller type='scsi' index='0'/><controller type='scsi' index='0'/>"),
      "two controllers",
    ],
    ["a relative kernel", minimal().replace("</os>", "<kernel>vmlinuz</kernel></os>"), "/domain/os/kernel"],
    [
      "one place in the boot order for two",
      minimal(
        "",
        disk("vda", "<source file='/a'/><boot order='1'/>") +
          disk("vdb", "<source file='/b'/><boot order='1'/>"),
      ),
      "the place 1 in the boot order",
    ],
  ])("%s", (_, xml, message) => {
    const error = refusal(() => parseDomain(xml));
    expect(["XML_INVALID", "INVALID_NAME"]).toContain(error.reason);
    expect(error.message).toContain(message);
  });
});
