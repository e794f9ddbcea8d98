import { minimal } from "../testing/domains.ts";
import { refusal } from "../testing/refusal.ts";
import { parseDomain } from "./document.ts";

const disk = (dev: string, inside = "<source file='/a'/>", attributes = "") =>
  `<disk type='file' ${attributes}>${inside}<target dev='${dev}'/></disk>`;
const nic = (mac: string, inside = "") =>
  `<interface type='user'><mac address='${mac}'/>${inside}</interface>`;
const pci = (slot: number) => `<address type='pci' bus='0x00' slot='${slot}'/>`;
const channel = (source: string) =>
  `<channel type='unix'>${source}<target type='guestfwd' address='1.2.3.4' port='4'/></channel>`;
const numa = (inside: string) => `<vcpu>4</vcpu><cpu><numa>${inside}</numa></cpu>`;
const cells = "<cell id='0' cpus='0-1' memory='1024'/><cell id='1' cpus='2-3' memory='1024'/>";
const os = (inside: string) => minimal().replace("</os>", `${inside}</os>`);
const arch = (name: string, machine: string, inside = "", devices = "") =>
  minimal(inside, devices).replace("arch='x86_64' machine='pc'", `arch='${name}' machine='${machine}'`);

function table(cases: readonly (readonly [string, string, string])[]): void {
  it.each(cases)("%s", (_, xml, message) => {
    const error = refusal(() => parseDomain(xml));
    expect(["XML_INVALID", "INVALID_NAME"]).toContain(error.reason);
    expect(error.message).toContain(message);
  });
}

describe("a domain document is refused for its machine with", () => {
  table([
    ["a name that is a path", minimal().replace("tiny", "../tiny"), "must not contain"],
    [
      "no memory at all",
      minimal().replace(">64<", ">0<"),
      "the guest has no memory at /domain/memory (line 3",
    ],
    [
      "more memory now than at most",
      minimal("<currentMemory unit='MiB'>65</currentMemory>"),
      "/domain/currentMemory",
    ],
    ["less room than memory", minimal("<maxMemory slots='1'>1</maxMemory>"), "/domain/maxMemory"],
    ["room without slots", minimal("<maxMemory unit='GiB'>1</maxMemory>"), "how many modules fit"],
    [
      "pages for a node it has not",
      minimal("<memoryBacking><hugepages><page size='2048' nodeset='1'/></hugepages></memoryBacking>"),
      "the guest has no node 1, it has 0",
    ],
    [
      "two sizes of pages for everything",
      minimal("<memoryBacking><hugepages><page size='2048'/><page size='4096'/></hugepages></memoryBacking>"),
      "two sizes of pages",
    ],
    ["nodes with a gap", minimal(numa(cells.replace("id='1'", "id='2'"))), "node 2 leaves a gap"],
    [
      "a processor in two nodes",
      minimal(numa(cells.replace("2-3", "1-3"))),
      "/domain/cpu/numa/cell[2]/@cpus",
    ],
    [
      "memory on no node of the host",
      minimal("<numatune><memory mode='strict' nodeset='0,^0'/></numatune>"),
      `"0,^0" names no node at /domain/numatune/memory/@nodeset (line`,
    ],
    [
      "memory on nodes that are chosen and named",
      minimal("<numatune><memory placement='auto' nodeset='0'/></numatune>"),
      "chosen, not named",
    ],
    [
      "one node's memory without nodes",
      minimal("<numatune><memnode cellid='0' mode='strict' nodeset='0'/></numatune>"),
      "the guest has no nodes",
    ],
    ["more CPUs now than at most", minimal("<vcpu current='3'>2</vcpu>"), "/domain/vcpu/@current (line"],
    [
      "a processor that is off for ever",
      minimal("<vcpus><vcpu id='0' enabled='no' hotpluggable='no'/></vcpus>"),
      "can never be switched on",
    ],
    [
      "two I/O threads of one number",
      minimal("<iothreadids><iothread id='3'/><iothread id='3'/></iothreadids>"),
      "two I/O threads have the number 3",
    ],
    [
      "a cache that is the host's on another processor",
      minimal("<cpu><model>Nehalem</model><cache mode='passthrough'/></cpu>"),
      "/domain/cpu/cache/@mode",
    ],
    [
      "bits that are emulated but not counted",
      minimal("<cpu><maxphysaddr mode='emulate'/></cpu>"),
      "add bits='42'",
    ],
    [
      "a processor that is scheduled twice",
      minimal(
        "<vcpu>3</vcpu><cputune><vcpusched vcpus='0-1' scheduler='fifo' priority='1'/><vcpusched vcpus='1-2' scheduler='rr' priority='1'/></cputune>",
      ),
      "/domain/cputune/vcpusched[2]/@vcpus",
    ],
    [
      "an I/O thread that is scheduled and not there",
      minimal("<iothreads>1</iothreads><cputune><iothreadsched iothreads='2' scheduler='idle'/></cputune>"),
      "there is no I/O thread 2",
    ],
    [
      "processors in two groups of caches",
      minimal(
        "<vcpu>3</vcpu><cputune><cachetune vcpus='0-1'><cache id='0' level='3' type='both' size='3' unit='MiB'/></cachetune><cachetune vcpus='1-2'><cache id='1' level='3' type='both' size='3' unit='MiB'/></cachetune></cputune>",
      ),
      "in another group",
    ],
    [
      "a cache that is shared twice",
      minimal(
        "<cputune><cachetune vcpus='0'><cache id='0' level='3' type='code' size='3'/><cache id='0' level='3' type='code' size='3'/></cachetune></cputune>",
      ),
      "cache 0 of level 3 is shared twice",
    ],
    ["a kernel of whoever starts it", os("<kernel>vmlinuz</kernel>"), "/domain/os/kernel (line 4"],
    ["a firmware without a path", os("<loader type='pflash'/>"), "the firmware has no path"],
    [
      "a firmware that is chosen and named",
      os("<loader>/f</loader>").replace("<os>", "<os firmware='efi'>"),
      "leave one of the two out",
    ],
    [
      "variables of a firmware that keeps none",
      os("<loader stateless='yes' type='pflash'>/f</loader><nvram>/v</nvram>").replace(
        "</os>",
        "</os><features><acpi/></features>",
      ),
      "a stateless firmware keeps no variables",
    ],
    ["UEFI without ACPI", os("<loader type='pflash'>/f</loader>"), "add <acpi/> to <features>"],
    [
      "a timer that cannot be slewed",
      minimal("<clock offset='utc'><timer name='hpet' frequency='5'/></clock>"),
      "the timer hpet has no frequency at /domain/clock/timer[1]/@frequency (line",
    ],
    [
      "another UUID in its SMBIOS",
      minimal(
        "<uuid>362d1fc1-df7d-193e-5c18-49a71bd1da66</uuid><sysinfo type='smbios'><system><entry name='uuid'>a94b4335-6a14-8bc4-d6da-f7ea590b6816</entry></system></sysinfo>",
      ),
      "is not that of the guest",
    ],
    [
      "a container's root that nobody is",
      minimal(
        "<idmap><uid start='1' target='1000' count='1'/><gid start='0' target='1000' count='1'/></idmap>",
      ),
      "/domain/idmap/uid/@start",
    ],
    ["a TSEG on a machine without", minimal("<features><smm><tseg>48</tseg></smm></features>"), "only q35"],
    ["a GIC on x86", minimal("<features><gic version='2'/></features>"), "/domain/features/gic"],
    ["an hpt on x86", minimal("<features><hpt resizing='enabled'/></features>"), "only pseries has"],
    [
      "two labels of one model",
      minimal().replace("</domain>", "<seclabel model='dac'/><seclabel model='dac'/></domain>"),
      "is there twice at /domain/seclabel[2]",
    ],
  ]);
});

describe("a domain document is refused for a device with", () => {
  table([
    ["two disks of one name", minimal("", disk("vda") + disk("vda")), "two disks are called vda"],
    ["a target that is no name", minimal("", disk("v/da")), `"v/da" is no name of a disk`],
    ["a partition for a disk", minimal("", disk("vda1")), "give the guest a whole disk"],
    [
      "a relative path",
      minimal("", disk("vda", "<source file='a.img'/>")),
      "is not absolute at /domain/devices/disk[1]/source",
    ],
    ["a disk without a source", minimal("", disk("vda", "")), "has no source"],
    ["raw I/O on a disk", minimal("", disk("sda", "<source file='/a'/>", "rawio='yes'")), "only a lun"],
    [
      "a lun that is a file",
      minimal("", disk("sda", "<source file='/a'/>", "device='lun'")),
      "a lun is a device of the host",
    ],
    [
      "a format QEMU cannot write",
      minimal("", disk("vda", "<driver type='cow'/><source file='/a'/>")),
      "use qcow2",
    ],
    [
      "a shared image that cannot be",
      minimal("", disk("vda", "<driver type='qcow2'/><source file='/a'/><shareable/>")),
      "cannot be shared",
    ],
    [
      "reading limited in total and by itself",
      minimal(
        "",
        disk(
          "vda",
          "<source file='/a'/><iotune><total_iops_sec>1</total_iops_sec><read_iops_sec>1</read_iops_sec></iotune>",
        ),
      ),
      "limited in total or each",
    ],
    [
      "a cipher that the image knows itself",
      minimal(
        "",
        disk("vda", "<source file='/a'><encryption format='luks'><cipher name='aes'/></encryption></source>"),
      ),
      "the image says itself",
    ],
    [
      "a PCI address on SCSI",
      minimal("", disk("sda", `<source file='/a'/>${pci(5)}`)),
      "on bus scsi has an address of type pci",
    ],
    ["a multicast MAC address", minimal("", nic("01:54:00:00:00:01")), "multicast"],
    [
      "a queue whose size is no power of two",
      minimal("", nic("52:54:00:00:00:01", "<driver rx_queue_size='511'/>")),
      "511 is no power of two",
    ],
    [
      "two devices in one slot",
      minimal("", nic("52:54:00:00:00:01", pci(5)) + nic("52:54:00:00:00:02", pci(5))),
      "PCI 0:0:5:0 is that of devices/interface[1] already at /domain/devices/interface[2]/address (line",
    ],
    [
      "two devices of one alias of the user's",
      minimal(
        "",
        nic("52:54:00:00:00:01", "<alias name='ua-x'/>") + nic("52:54:00:00:00:02", "<alias name='ua-x'/>"),
      ),
      "is called ua-x as well",
    ],
    [
      "two controllers of one index",
      minimal("", "<controller type='scsi' index='0'/><controller type='scsi' index='0'/>"),
      "two controllers",
    ],
    [
      "the root of another machine",
      minimal("", "<controller type='pci' index='0' model='pcie-root'/>"),
      "the first bus of pc is pci-root",
    ],
    [
      "USB that is not there",
      minimal("", "<controller type='usb' model='none'/><input type='tablet' bus='usb'/>"),
      "the guest has no USB for it",
    ],
    [
      "one place in the boot order for two",
      minimal(
        "",
        disk("vda", "<source file='/a'/><boot order='1'/>") +
          disk("vdb", "<source file='/b'/><boot order='1'/>"),
      ),
      "the place 1 in the boot order",
    ],
    ["a socket without a path", minimal("", channel("")), "of type unix has no path"],
    [
      "a listener that connects again",
      minimal("", channel("<source mode='bind' path='/s'><reconnect enabled='yes' timeout='1'/></source>")),
      "use mode='connect'",
    ],
    [
      "a connection that waits for nothing",
      minimal("", channel("<source path='/s'><reconnect enabled='yes'/></source>")),
      "add timeout='1'",
    ],
    [
      "two addresses of one listener",
      minimal("", "<graphics type='vnc' listen='::1'><listen type='address' address='::2'/></graphics>"),
      "the address ::2 is not that of the attribute listen, ::1",
    ],
    [
      "a listener on no network",
      minimal("", "<graphics type='vnc'><listen type='network'/></graphics>"),
      "add network='default'",
    ],
    [
      "OpenGL for nobody",
      minimal("", "<graphics type='sdl'/><graphics type='egl-headless'/>"),
      "egl-headless draws for VNC or SPICE",
    ],
    [
      "a screen besides none",
      minimal("", "<video><model type='none'/></video><video><model type='vga'/></video>"),
      "leave the others out",
    ],
    [
      "sound that goes nowhere",
      minimal("", "<sound model='ich9'><audio id='2'/></sound>"),
      "no <audio> with the id 2",
    ],
    [
      "a device of the host twice",
      minimal("", "<hostdev type='pci'><source><address bus='6' slot='2'/></source></hostdev>".repeat(2)),
      "is that of devices/hostdev[1] already",
    ],
    [
      "a display nobody sees",
      minimal(
        "",
        "<hostdev type='mdev' model='vfio-pci' display='on'><source><address uuid='53764d0e-85a0-42b4-af5c-2046b460b1dc'/></source></hostdev>",
      ),
      "add <graphics>",
    ],
    [
      "read-only virtiofs",
      minimal(
        "",
        "<filesystem type='mount'><driver type='virtiofs'/><source dir='/d'/><target dir='t'/><readonly/></filesystem>",
      ),
      "virtiofs cannot be made read-only",
    ],
    [
      "interrupts without a server",
      minimal("", "<shmem name='s'><model type='ivshmem-plain'/><msi/></shmem>"),
      "add <server path='..'/>",
    ],
    ["an IOMMU of Intel on pc", minimal("", "<iommu model='intel'/>"), "pc has no IOMMU of Intel"],
    [
      "a module for a node it has not",
      minimal(
        numa("<cell id='0' memory='65536'/>") + "<maxMemory slots='1' unit='GiB'>1</maxMemory>",
        "<memory model='dimm'><target><size>1024</size><node>1</node></target></memory>",
      ),
      "the guest has no node 1, it has 1",
    ],
    ["a second balloon", minimal("", "<memballoon model='virtio'/>".repeat(2)), "one memballoon at most"],
    [
      "TPM 1.2 on ARM",
      arch("aarch64", "virt", "", "<tpm><backend type='emulator' version='1.2'/></tpm>"),
      "ARM has no TPM 1.2",
    ],
    [
      "a parallel port on s390",
      arch("s390x", "s390-ccw-virtio", "", "<parallel type='pty'/>"),
      "has no parallel ports",
    ],
    [
      "zPCI on x86",
      minimal("", nic("52:54:00:00:00:01", "<address type='pci'><zpci uid='1'/></address>")),
      "a guest of x86_64 has no zPCI",
    ],
  ]);
});

describe("a domain document may have", () => {
  it.each([
    ["two cards of one MAC address", nic("52:54:00:00:00:01") + nic("52:54:00:00:00:01")],
    ["an empty cdrom", disk("sda", "", "device='cdrom'")],
    ["a channel whose socket is made up", "<channel type='unix'><target type='virtio' name='a'/></channel>"],
    ["headless OpenGL for VNC", "<graphics type='vnc'/><graphics type='egl-headless'/>"],
  ])("%s", (_, devices) => {
    expect(() => parseDomain(minimal("", devices))).not.toThrow();
  });
});
