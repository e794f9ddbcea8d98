import { VirtError } from "@virtmesh/core/errors";
import { CAPABILITIES, guest, objectsOf, RUNTIME, valuesOf } from "./testing/fixture.ts";
import { buildCommandLine } from "./build.ts";
import type { Runtime } from "./runtime.ts";

/** A QEMU that has every device there is. */
const EVERYTHING = {
  ...CAPABILITIES,
  devices: { has: () => true } as unknown as ReadonlySet<string>,
  objects: { has: () => true } as unknown as ReadonlySet<string>,
  chardevs: { has: () => true } as unknown as ReadonlySet<string>,
  options: new Set(["spice", "virtfs"]),
};
const build = (inside: string, devices: string, runtime: Partial<Runtime> = {}, machine = "q35") =>
  buildCommandLine(guest(inside, devices, machine), EVERYTHING, { ...RUNTIME, ...runtime });
const place = "<address type='pci' bus='0' slot='5'/>";
const at = { bus: "pcie.0", addr: "0x5" };
const usb = "<controller type='usb' index='0' model='qemu-xhci'/>";

describe("every class of devices becomes its parts", () => {
  it.each<[string, string, Readonly<Record<string, readonly object[]>>]>([
    [
      "a directory by 9p",
      `<filesystem accessmode='mapped' fmode='0644'><source dir='/a,b'/><target dir='t'/>${place}</filesystem>`,
      { "-device": [{ driver: "virtio-9p-pci", id: "fs0", fsdev: "fsdev-fs0", mount_tag: "t", ...at }] },
    ],
    [
      "a directory by virtiofs",
      `<filesystem><driver type='virtiofs' queue='1024'/><source socket='/s'/><target dir='t'/>${place}</filesystem>`,
      {
        "-device": [
          { driver: "vhost-user-fs-pci", id: "fs0", chardev: "chr-fs0", tag: "t", "queue-size": 1024, ...at },
        ],
      },
    ],
    [
      "a TPM of the host",
      "<tpm model='tpm-crb'><backend type='passthrough'><device path='/dev/tpm0'/></backend></tpm>",
      { "-device": [{ driver: "tpm-crb", tpmdev: "tpm-tpm0", id: "tpm0" }] },
    ],
    [
      "a PCI device of the host",
      `<hostdev mode='subsystem' type='pci'><source><address domain='0' bus='6' slot='0x12' function='5'/></source>${place}</hostdev>`,
      { "-device": [{ driver: "vfio-pci", host: "0000:06:12.5", id: "hostdev0", ...at }] },
    ],
    [
      "a USB device of the host",
      `${usb}<hostdev mode='subsystem' type='usb'><source guestReset='uninitialized'><address bus='14' device='6'/></source><address type='usb' bus='0' port='1'/></hostdev>`,
      {
        "-device": [
          { driver: "qemu-xhci", id: "usb" },
          {
            driver: "usb-host",
            hostdevice: "/dev/bus/usb/014/006",
            id: "hostdev0",
            "guest-reset": true,
            "guest-resets-all": false,
            bus: "usb.0",
            port: "1",
          },
        ],
      },
    ],
    [
      "a mediated device",
      `<hostdev mode='subsystem' type='mdev' model='vfio-pci' display='off'><source><address uuid='53764d0e-85a0-42b4-af5c-2046b460b1dc'/></source>${place}</hostdev>`,
      {
        "-device": [
          {
            driver: "vfio-pci",
            id: "hostdev0",
            sysfsdev: "/sys/bus/mdev/devices/53764d0e-85a0-42b4-af5c-2046b460b1dc",
            display: "off",
            ...at,
          },
        ],
      },
    ],
    [
      "a USB device of a viewer, with rules",
      `${usb}<redirdev bus='usb' type='spicevmc'/><redirfilter><usbdev class='0x08' vendor='0x1234' product='0xbeef' version='2.0' allow='yes'/><usbdev allow='no'/></redirfilter>`,
      {
        "-device": [
          { driver: "qemu-xhci", id: "usb" },
          {
            driver: "usb-redir",
            chardev: "charredir0",
            id: "redir0",
            filter: "0x08:0x1234:0xBEEF:0x0200:1|-1:-1:-1:-1:0",
            bus: "usb.0",
          },
        ],
      },
    ],
    [
      "a sound card with its codec",
      `<sound model='ich9'>${place}</sound><audio id='1' type='none'/>`,
      {
        "-audiodev": [{ id: "audio1", driver: "none" }],
        "-device": [
          { driver: "ich9-intel-hda", id: "sound0", ...at },
          { driver: "hda-duplex", id: "sound0-codec0", bus: "sound0.0", cad: 0, audiodev: "audio1" },
        ],
      },
    ],
    [
      "shared memory",
      `<shmem name='m'><model type='ivshmem-plain'/><size unit='M'>4</size>${place}</shmem>`,
      {
        "-object": [
          {
            "qom-type": "memory-backend-file",
            id: "memshmem0",
            "mem-path": "/dev/shm/m",
            size: 4194304,
            share: true,
          },
        ],
        "-device": [{ driver: "ivshmem-plain", memdev: "memshmem0", id: "shmem0", ...at }],
      },
    ],
    [
      "a socket between guest and host",
      `<vsock model='virtio'><cid address='4'/>${place}</vsock>`,
      { "-device": [{ driver: "vhost-vsock-pci", id: "vsock0", "guest-cid": 4, ...at }] },
    ],
    [
      "an IOMMU",
      "<iommu model='intel'><driver caching_mode='on' iotlb='on'/></iommu>",
      { "-device": [{ driver: "intel-iommu", id: "iommu0", "caching-mode": true, "device-iotlb": true }] },
    ],
    [
      "hardware for ciphers",
      `<crypto model='virtio' type='qemu'><backend model='builtin' queues='2'/>${place}</crypto>`,
      {
        "-object": [{ "qom-type": "cryptodev-backend-builtin", id: "objcrypto0", queues: 2 }],
        "-device": [{ driver: "virtio-crypto-pci", cryptodev: "objcrypto0", id: "crypto0", ...at }],
      },
    ],
    [
      "an event device of the host",
      "<input type='evdev'><source dev='/dev/input/event1' grab='all' repeat='on'/></input>",
      {
        "-object": [
          {
            "qom-type": "input-linux",
            id: "input0",
            evdev: "/dev/input/event1",
            repeat: true,
            grab_all: true,
          },
        ],
      },
    ],
    [
      "a disk that another process serves",
      `<disk type='vhostuser' device='disk'><source type='unix' path='/s'><reconnect enabled='yes' timeout='10'/></source><target dev='vda' bus='virtio'/>${place}</disk>`,
      {
        "-device": [
          { driver: "vhost-user-blk-pci", chardev: "disk-vda-chardev", id: "disk-vda", bootindex: 1, ...at },
        ],
      },
    ],
    [
      "a disk over NBD",
      `<disk type='network' device='disk'><source protocol='nbd' name='e'><host name='h' port='1'/></source><target dev='vda' bus='virtio'/>${place}</disk>`,
      {
        "-blockdev": [
          {
            driver: "nbd",
            server: { type: "inet", host: "h", port: "1" },
            export: "e",
            "node-name": "disk-vda-storage",
            "auto-read-only": true,
            discard: "unmap",
          },
          { driver: "raw", "node-name": "disk-vda-format", "read-only": false, file: "disk-vda-storage" },
        ],
      },
    ],
  ])("%s", (_, devices, expected) => {
    const list = build("", devices);
    for (const [option, objects] of Object.entries(expected)) {
      const parts = objects.map((object) => expect.objectContaining(object) as object);
      expect(objectsOf(list, option)).toEqual(expect.arrayContaining(parts));
    }
  });

  it.each([
    [
      "-chardev",
      "<serial type='udp'><source mode='bind' host='a' service='1'/><source mode='connect' host='b' service='2'/></serial>",
      "udp,id=charserial0,host=b,port=2,localaddr=a,localport=1",
    ],
    [
      "-chardev",
      "<channel type='spicevmc'><target type='virtio'/></channel>",
      "spicevmc,id=charchannel0,name=vdagent",
    ],
    [
      "-spice",
      "<graphics type='spice' port='5903' listen='::1'/>",
      "port=5903,addr=::1,disable-ticketing=on,seamless-migration=on",
    ],
    ["-vnc", "<graphics type='vnc' socket='/a=b'/>", "vnc=unix:/a=b,audiodev=audio1"],
    [
      "-fsdev",
      "<filesystem accessmode='squash'><source dir='/a'/><target dir='t'/></filesystem>",
      "local,security_model=none,id=fsdev-fs0,path=/a",
    ],
    ["-action", "<watchdog model='ib700' action='inject-nmi'/>", "watchdog=inject-nmi"],
  ])("%s", (option, devices, expected) => {
    expect(valuesOf(build("", devices), option)).toContain(expected);
  });
});

describe("the images of a disk", () => {
  const chain =
    "<disk type='file' device='disk'><driver type='qcow2'/><source file='/top'/><backingStore type='file'><format type='raw'/><source file='/base'/><backingStore/></backingStore><target dev='vda' bus='virtio'/></disk>";

  it("are all named, the lowest first, and end where the document ends", () => {
    const nodes = objectsOf(build("", chain), "-blockdev");
    expect(nodes.map((node) => [node["node-name"], node["backing"]])).toEqual([
      ["backing-vda-1-storage", undefined],
      ["backing-vda-1-format", undefined],
      ["disk-vda-storage", undefined],
      ["disk-vda-format", "backing-vda-1-format"],
    ]);
  });

  it("that several guests write are not kept by one of them", () => {
    const list = build(
      "",
      "<disk type='file' device='disk'><source file='/a'/><target dev='vda' bus='virtio'/><shareable/></disk>",
    );
    expect(objectsOf(list, "-blockdev").map((node) => node["cache"])).toEqual(
      Array.from({ length: 2 }, () => ({ direct: true, "no-flush": false })),
    );
  });

  it("that are encrypted are opened with a secret that only QEMU reads", () => {
    const list = build(
      "",
      "<disk type='file' device='disk'><driver type='raw'/><source file='/a'><encryption format='luks'><secret type='passphrase' usage='u'/></encryption></source><target dev='vda' bus='virtio'/></disk>",
    );
    expect(objectsOf(list, "-object")).toContainEqual({
      "qom-type": "secret",
      id: "disk-vda-format-encryption",
      format: "base64",
      file: "/run/guest/secrets/disk-vda-format-encryption",
    });
    expect(objectsOf(list, "-blockdev")[1]).toMatchObject({
      driver: "luks",
      "key-secret": "disk-vda-format-encryption",
    });
  });
});

describe("the memory of a guest", () => {
  const huge = { hugepages: [{ pageBytes: 2097152n, path: "/dev/hugepages" }] };
  const numa =
    "<vcpu>2</vcpu><cpu><numa><cell id='0' cpus='0' memory='32' unit='MiB'/><cell id='1' cpus='1' memory='32' unit='MiB'/></numa></cpu>";

  it("on huge pages is a file among them, taken at once", () => {
    const list = build("<memoryBacking><hugepages/></memoryBacking>", "", huge);
    expect(valuesOf(list, "-machine")[0]).toContain("memory-backend=pc.ram");
    expect(objectsOf(list, "-object")).toEqual([
      {
        "qom-type": "memory-backend-file",
        id: "pc.ram",
        "mem-path": `/dev/hugepages/virtmesh/${guest().uuid}`,
        "x-use-canonical-path-for-ramblock-id": false,
        prealloc: true,
        size: 67108864,
      },
    ]);
  });

  it("belongs to its nodes, each on those of the host that are named", () => {
    const tune = "<numatune><memnode cellid='1' mode='preferred' nodeset='3'/></numatune>";
    const list = build(`${numa}${tune}`, "");
    expect(valuesOf(list, "-numa")).toEqual([
      "node,nodeid=0,cpus=0,memdev=ram-node0",
      "node,nodeid=1,cpus=1,memdev=ram-node1",
    ]);
    expect(objectsOf(list, "-object")).toEqual([
      { "qom-type": "memory-backend-ram", id: "ram-node0", size: 33554432 },
      {
        "qom-type": "memory-backend-ram",
        id: "ram-node1",
        size: 33554432,
        "host-nodes": [3],
        policy: "preferred",
      },
    ]);
  });

  it("has modules beside it, in whole pieces", () => {
    const list = build(
      `<maxMemory slots='4' unit='MiB'>1024</maxMemory>${numa}`,
      "<memory model='dimm'><target><size unit='KiB'>31744</size><node>1</node></target><address type='dimm' slot='2' base='0x100000000'/></memory>",
    );
    expect(valuesOf(list, "-m")).toEqual(["size=65536k,slots=4,maxmem=1048576k"]);
    expect(objectsOf(list, "-device")).toContainEqual({
      ...{ driver: "pc-dimm", node: 1, slot: 2, addr: 4294967296 },
      ...{ memdev: "memdimm0", id: "dimm0" },
    });
    expect(objectsOf(list, "-object")).toContainEqual({
      "qom-type": "memory-backend-ram",
      id: "memdimm0",
      size: 33554432,
    });
  });
});

describe("what QEMU cannot do is refused by name and place", () => {
  it.each([
    ["an old ivshmem", "<shmem name='m'/>", "devices/shmem[1]/model"],
    [
      "file systems of containers",
      "<filesystem type='template'><source name='n'/><target dir='/t'/></filesystem>",
      "devices/filesystem[1]/source/@name",
    ],
    [
      "a volume of a pool",
      "<disk type='volume' device='disk'><source pool='p' volume='v'/><target dev='vda' bus='virtio'/></disk>",
      "devices/disk[1]/@type",
    ],
    [
      "encryption without certificates",
      "<serial type='tcp'><source mode='connect' host='h' service='1' tls='yes'/></serial>",
      "devices/serial[1]/source/@tls",
    ],
    [
      "a disk on the bus sd",
      "<disk type='file' device='disk'><source file='/a'/><target dev='sda' bus='sd'/></disk>",
      "devices/disk[1]/target/@bus",
    ],
  ])("%s", (_, devices, path) => {
    try {
      build("", devices);
    } catch (e) {
      if (!VirtError.is(e)) throw e;
      expect(e.context.metadata?.["path"]).toBe(`/domain/${path}`);
      return;
    }
    throw new Error("it was taken");
  });
});
