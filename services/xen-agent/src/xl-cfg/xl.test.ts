import { parseDomain } from "@virtmesh/documents/domain/document";
import { completeXenDomain } from "@virtmesh/documents/domain/semantics/xen";
import { fromXl, xlDefinition } from "./from-xl.ts";
import { toXl, xlConfig } from "./to-xl.ts";

type Kind = "hvm" | "linux" | "xenpvh";

function guest(kind: Kind, { devices = "", os = "", more = "" } = {}): string {
  const start = kind === "hvm" ? "" : "<kernel>/boot/vmlinuz</kernel>";
  return `<domain type='xen'><name>web</name><memory unit='MiB'>512</memory><vcpu>2</vcpu>
    <os><type>${kind}</type>${start}${os}</os>${more}<devices>${devices}</devices></domain>`;
}

const VNC = "<graphics type='vnc' port='5907' listen='0.0.0.0' passwd='s3cret' keymap='de'/>";

/** Lines of the file that a bare guest has not. */
function linesOf(kind: Kind, parts: Parameters<typeof guest>[1]): readonly string[] {
  const bare = new Set(toXl(guest(kind)).split("\n"));
  return toXl(guest(kind, parts))
    .split("\n")
    .filter((line) => !bare.has(line));
}

describe("the file that a guest starts with", () => {
  it("has a line for each thing that is said of a paravirtualised guest", () => {
    expect(toXl(guest("linux"))).toBe(`name = "web"
maxmem = 512
memory = 512
vcpus = 2
localtime = 0
on_poweroff = "destroy"
on_reboot = "restart"
on_crash = "destroy"
kernel = "/boot/vmlinuz"
`);
  });

  it("says which kind of guest it is", () => {
    expect(linesOf("xenpvh", {})).toEqual([]);
    expect(toXl(guest("xenpvh"))).toContain('type = "pvh"\n');
    expect(toXl(guest("hvm"))).toContain('builder = "hvm"\n');
  });

  it.each<[string, Kind, Parameters<typeof guest>[1], readonly string[]]>([
    [
      "a disk",
      "linux",
      {
        devices:
          "<disk type='file'><driver name='qemu' type='qcow2' discard='unmap'/><source file='/a,b.qcow2'/><target dev='xvda' bus='xen'/></disk>",
      },
      ['disk = [ "format=qcow2,vdev=xvda,access=rw,backendtype=qdisk,discard,target=/a,b.qcow2" ]'],
    ],
    [
      "a disk whose server is left to xl",
      "linux",
      { devices: "<disk type='file'><source file='/a.img'/><target dev='xvda' bus='xen'/></disk>" },
      ['disk = [ "format=raw,vdev=xvda,access=rw,target=/a.img" ]'],
    ],
    [
      "a device as disk, and an empty CD drive",
      "hvm",
      {
        devices:
          "<disk type='block'><source dev='/dev/vg/a'/><target dev='hda'/></disk><disk device='cdrom'><target dev='hdc'/></disk>",
      },
      [
        'disk = [ "format=raw,vdev=hda,access=rw,backendtype=phy,target=/dev/vg/a", "format=raw,vdev=hdc,access=ro,devtype=cdrom" ]',
      ],
    ],
    [
      "an image of Ceph",
      "linux",
      {
        devices:
          "<disk type='network'><source protocol='rbd' name='pool/image'><host name='::1' port='6789'/><host name='b'/></source><target dev='xvda' bus='xen'/></disk>",
      },
      [
        String.raw`disk = [ "format=raw,vdev=xvda,access=rw,backendtype=qdisk,target=rbd:pool/image:auth_supported=none:mon_host=[\\:\\:1]\\:6789\\;b" ]`,
      ],
    ],
    [
      "cards",
      "linux",
      {
        devices:
          "<interface type='bridge'><mac address='00:16:3e:00:00:01'/><source bridge='xenbr0'/><bandwidth><outbound average='100'/></bandwidth><target dev='web0'/><mtu size='9000'/></interface><interface type='ethernet'><ip address='10.0.0.2' family='ipv4'/></interface>",
      },
      [
        'vif = [ "mac=00:16:3e:00:00:01,bridge=xenbr0,script=vif-bridge,vifname=web0,rate=102400B/s,mtu=9000", "ip=10.0.0.2" ]',
      ],
    ],
    [
      "a screen",
      "hvm",
      { devices: `${VNC}<video><model type='vga' vram='32768'/></video>` },
      [
        "vnc = 1",
        "vncunused = 0",
        "vncdisplay = 7",
        'vnclisten = "0.0.0.0"',
        'vncpasswd = "s3cret"',
        'keymap = "de"',
        'vga = "stdvga"',
        "videoram = 32",
      ],
    ],
    [
      "the screen of a paravirtualised guest",
      "linux",
      { devices: VNC },
      ['vfb = [ "type=vnc,vncunused=0,vncdisplay=7,vnclisten=0.0.0.0,vncpasswd=s3cret,keymap=de" ]'],
    ],
    [
      "the counter of a processor's cycles, which a guest may read itself",
      "xenpvh",
      { more: "<clock offset='utc'><timer name='tsc' mode='native'/></clock>" },
      ['tsc_mode = "native"'],
    ],
    [
      "processors of the host",
      "linux",
      {
        more: "<cputune><shares>512</shares><vcpupin vcpu='1' cpuset='0,1'/></cputune>",
      },
      ['cpus = [ "all", "0-1" ]', "cpu_weight = 512"],
    ],
    [
      "features of a processor",
      "hvm",
      {
        more: "<cpu mode='host-passthrough'><feature policy='disable' name='svm'/><feature policy='require' name='pni'/></cpu>",
      },
      ["nestedhvm = 0", 'cpuid = "host,svm=0,sse3=1"'],
    ],
    [
      "UEFI of the host's choice",
      "hvm",
      { more: "", os: "<loader readonly='yes' type='pflash'>/opt/ovmf.fd</loader>" },
      ['bios = "ovmf"', 'bios_path_override = "/opt/ovmf.fd"'],
    ],
    [
      "devices of the host",
      "hvm",
      {
        devices:
          "<hostdev mode='subsystem' type='pci' managed='yes'><source writeFiltering='no'><address domain='0' bus='1' slot='0x1a' function='1'/></source></hostdev><hostdev mode='subsystem' type='usb'><source><address bus='1' device='12'/></source></hostdev>",
      },
      ['pci = [ "0000:01:1a.1,permissive=1,seize=1" ]', 'usbdev = [ "hostbus=1,hostaddr=12" ]'],
    ],
    [
      "ports, of which some are not there",
      "hvm",
      {
        devices:
          "<serial type='pty'><target port='0'/></serial><serial type='tcp'><source mode='bind' host='127.0.0.1' service='4555'/><protocol type='telnet'/><target port='2'/></serial>",
      },
      ['serial = [ "pty", "none", "telnet:127.0.0.1:4555,server,nowait" ]'],
    ],
    [
      "a clock that is behind",
      "hvm",
      { more: "<clock offset='variable' adjustment='-3600' basis='localtime'/>" },
      ['rtc_timeoffset = "-3600"', "localtime = 1"],
    ],
  ])("has %s", (_, kind, parts, expected) => {
    expect(linesOf(kind, parts)).toEqual(expected);
    // Whatever is written is read again.
    const text = toXl(guest(kind, parts));
    expect(xlDefinition(toXl(fromXl(text)))).toEqual(xlDefinition(text));
  });

  it.each<[string, Kind, Parameters<typeof guest>[1], string]>([
    [
      "a way of caching",
      "linux",
      {
        devices:
          "<disk type='file'><driver cache='none'/><source file='/a'/><target dev='xvda' bus='xen'/></disk>",
      },
      'a file of xl cannot say cache="none"; remove it at /domain/devices/disk/driver/@cache',
    ],
    [
      "a second disk that others may write to",
      "linux",
      {
        devices:
          "<disk type='file'><source file='/a'/><target dev='xvda' bus='xen'/></disk><disk type='file'><source file='/b'/><target dev='xvdb' bus='xen'/><shareable/></disk>",
      },
      "a file of xl cannot say <shareable>; remove it at /domain/devices/disk[2]/shareable",
    ],
    [
      "a format",
      "linux",
      { devices: "<disk type='file'><driver type='vmdk'/><source file='/a'/><target dev='xvda'/></disk>" },
      "not vmdk at /domain/devices/disk[1]/driver/@type",
    ],
    [
      "a network",
      "linux",
      { devices: "<interface type='network'><source network='default'/></interface>" },
      'put the bridge of the network "default" in its place at /domain/devices/interface[1]/@type',
    ],
    [
      "huge pages",
      "linux",
      { more: "<memoryBacking><hugepages/></memoryBacking>" },
      "a file of xl cannot say <memoryBacking>; remove it at /domain/memoryBacking",
    ],
    [
      "a model of a processor",
      "hvm",
      { more: "<cpu match='exact'><model>Haswell</model></cpu>" },
      "a file of xl cannot say <cpu>; remove it at /domain/cpu",
    ],
    [
      "an address",
      "hvm",
      {
        devices:
          "<disk type='file'><source file='/a'/><target dev='hda'/><address type='drive' controller='1' bus='0' target='0' unit='0'/></disk>",
      },
      'controller="1"; remove it at /domain/devices/disk/address/@controller',
    ],
    [
      "a comma in a part of a device",
      "linux",
      { devices: "<interface type='bridge'><source bridge='a,b'/></interface>" },
      '"a,b" has a comma, which parts settings of a device at /domain/devices/interface[1]',
    ],
    [
      "a timer",
      "linux",
      { more: "<clock><timer name='hpet' present='yes'/></clock>" },
      "has no timer hpet at /domain/clock/timer[1]",
    ],
    [
      "a secret",
      "linux",
      {
        devices:
          "<disk type='network'><source protocol='rbd' name='p/i'><auth username='a'><secret type='ceph' usage='b'/></auth></source><target dev='xvda'/></disk>",
      },
      "a secret must not be written into a file of xl at /domain/devices/disk[1]/auth",
    ],
    [
      "SPICE without a port",
      "hvm",
      { devices: "<graphics type='spice' autoport='yes'/>" },
      "name one in port or tlsPort at /domain/devices/graphics/@port",
    ],
    [
      "a random source",
      "linux",
      { devices: "<rng model='virtio'><backend model='random'/></rng>" },
      "a file of xl cannot say <rng>; remove it at /domain/devices/rng",
    ],
    [
      "a label of security",
      "linux",
      { more: "<seclabel type='none'/>" },
      "a file of xl cannot say <seclabel>; remove it at /domain/seclabel",
    ],
  ])("is none for a guest that has %s, which xl cannot be told", (_, kind, parts, message) => {
    expect(() => toXl(guest(kind, parts))).toThrow(message);
  });

  it("serves a screen in more than one way at once", () => {
    const devices = "<graphics type='vnc' autoport='yes'/><graphics type='spice' port='5930'/>";
    const text = toXl(guest("hvm", { devices }));
    expect(text).toContain("vnc = 1\nvncunused = 1\nspice = 1\nspiceport = 5930\n");
    expect(xlDefinition(text).devices.graphics.map(({ type }) => type)).toEqual(["vnc", "spice"]);
  });

  it("puts all nodes of memory on the first of a host that has fewer", () => {
    const cell = (id: number) => `<cell id='${id}' cpus='${id}' memory='256' unit='MiB'/>`;
    const definition = parseDomain(guest("hvm", { more: `<cpu><numa>${cell(0)}${cell(1)}</numa></cpu>` }));
    const node = (id: number, pnode: number, distances: string) =>
      `[ "pnode=${pnode}", "size=256", "vcpus=${id}", "vdistances=${distances}" ]`;
    expect(xlConfig(definition, { nodes: 2 })).toContain(`${node(0, 0, "10,20")}, ${node(1, 1, "20,10")}`);
    expect(xlConfig(definition, { nodes: 1 })).toContain("maxvcpus = 2\n");
    expect(xlConfig(definition, { nodes: 1 })).toContain(`${node(0, 0, "10,20")}, ${node(1, 0, "20,10")}`);
  });

  it("looks for the kernel in the guest's own disk where the host has none for it", () => {
    const xml = guest("linux").replace(/<kernel>.*<\/kernel>/, "");
    expect(toXl(xml)).toContain('bootloader = "pygrub"\n');
  });

  it("takes an empty drive for one, whatever it held", () => {
    const devices = "<disk type='block' device='cdrom'><driver name='phy'/><target dev='hdc'/></disk>";
    expect(linesOf("hvm", { devices })).toEqual([
      'disk = [ "format=raw,vdev=hdc,access=ro,backendtype=phy,devtype=cdrom" ]',
    ]);
  });

  it("leaves out what is nothing to Xen: titles, metadata, names of devices", () => {
    const more = "<title>T</title><description>D</description><metadata><a xmlns='urn:a'/></metadata>";
    expect(linesOf("linux", { more })).toEqual([]);
  });

  it("takes each kind of UEFI and BIOS for what it is", () => {
    const xml = guest("hvm").replace("<os>", "<os firmware='efi'>");
    expect(toXl(xml)).toContain('bios = "ovmf"\n');
    expect(toXl(xml)).not.toContain("bios_path_override");
  });
});

describe("a file that was written by hand", () => {
  const read = (text: string) => xlDefinition(`name = "a"\nmemory = 64\n${text}`);

  it("means what xl makes of it, defaults and all", () => {
    const guest = read('type = "hvm"');
    expect(guest.memory.bytes).toBe(64n << 20n);
    expect([guest.onPoweroff, guest.onReboot, guest.onCrash]).toEqual(["destroy", "restart", "destroy"]);
    expect(guest.features).toEqual({ acpi: true, apic: {}, pae: true });
    expect(guest.devices.graphics).toMatchObject([{ type: "vnc", autoport: true }]);
    expect(read('type = "hvm"\nvnc = 0').devices.graphics).toEqual([]);
  });

  it.each([
    [
      "/a.img,raw,xvda,rw",
      { type: "file", source: { file: "/a.img" }, driver: { name: "qemu", type: "raw" } },
    ],
    ["/dev/vg/a,,hda,r,backendtype=phy", { type: "block", readonly: true, source: { dev: "/dev/vg/a" } }],
    ["phy:/dev/vg/a,hda,w", { type: "file", source: { file: "/dev/vg/a" } }],
    [",hdc:cdrom,r", { device: "cdrom", type: "file", target: { dev: "hdc", bus: "xen" } }],
    ["vdev=xvda, access=ro, format=qcow2, target=/a, b ", { readonly: true, source: { file: "/a, b " } }],
    ["vdev=xvda,discard,target=/a", { driver: { discard: "unmap" } }],
  ])("has the disk %s", (disk, expected) => {
    expect(read(`disk = [ "${disk}" ]`).devices.disks).toMatchObject([expected]);
  });

  it.each([
    ['kernel = "a"\npvh_x = 1', "line 4: pvh_x has no counterpart in libvirt's documents"],
    ['type = "lxc"', 'line 3: type must be hvm, pv or pvh, not "lxc"'],
    ["memory = 0", "line 3: memory must be more than nothing"],
    ["vcpus = 4\nmaxvcpus = 2", "line 3: vcpus must be at least 1, and not more than maxvcpus"],
    ['cpus = "nodes:0"', 'line 3: "nodes:0" is no list of processors'],
    ['disk = [ "/a" ]', "line 3: the name that the guest has for it is missing: vdev="],
    [
      'disk = [ "vdev=xvda,script=x" ]',
      'line 3: "script=x" in the disk "vdev=xvda,script=x" has no counterpart',
    ],
    ['disk = [ "/a,raw,xvda,rw,more" ]', 'line 3: "more" is too much in the disk'],
    ['vif = [ "mac=1" ]', 'line 3: "1" is no MAC address'],
    ['vif = [ "bridge=b,gatewaydev=x" ]', "line 3: gatewaydev= in a card of vif has no counterpart"],
    ['pci = [ "1a.1" ]', 'line 3: "1a.1" is no PCI device such as 0000:01:1a.1'],
    ['tsc_mode = "slow"', "line 3: tsc_mode is default, always_emulate, native, native_paravirt"],
    ['type = "hvm"\nboot = "x"', "line 4: boot has the letters"],
    ['type = "hvm"\nserial = "mouse"', 'line 4: "mouse" is no end of a port'],
    [
      'vnuma = [ [ "pnode=3", "size=64", "vcpus=0" ] ]',
      "line 3: node 0 of vnuma is put on node 3 of the host",
    ],
    ['cpuid = [ "0:eax=0" ]', "line 3: cpuid is a list, and must be a string"],
    ["on_crash = 'wait'", "line 3: on_crash is destroy"],
  ])("is refused with the line of what no document can say: %j", (text, message) => {
    expect(() => read(text)).toThrow(message);
  });

  it("is the same guest after it was written again", () => {
    const text = toXl(guest("hvm", { devices: VNC }));
    const definition = xlDefinition(text);
    expect(completeXenDomain(parseDomain(fromXl(text)))).toEqual(definition);
  });
});
