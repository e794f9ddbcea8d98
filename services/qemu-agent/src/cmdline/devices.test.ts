import { formatNodeName, storageNodeName, targetOfNode } from "./node-names.ts";
import { argv, device, guest, objectsOf, valuesOf } from "./testing/fixture.ts";

const disk = (inside: string, attributes = "type='file' device='disk'") =>
  `<disk ${attributes}>${inside}</disk>`;
const on = (dev: string, bus: string, more = "") =>
  disk(`<source file='/i/${dev}.img'/><target dev='${dev}' bus='${bus}'/>${more}`);

describe("disks", () => {
  it("have a node for the file and one for the format, found again by their names", () => {
    const list = argv(
      guest(
        "",
        disk(
          "<driver type='qcow2' cache='none' discard='unmap' detect_zeroes='unmap'/><source file='/i/a,b'/><target dev='vda' bus='virtio'/>",
        ),
      ),
    );
    expect(objectsOf(list, "-blockdev")).toEqual([
      {
        driver: "file",
        filename: "/i/a,b",
        "node-name": storageNodeName("vda"),
        discard: "unmap",
        "auto-read-only": true,
        cache: { direct: true, "no-flush": false },
      },
      {
        driver: "qcow2",
        "node-name": formatNodeName("vda"),
        discard: "unmap",
        "detect-zeroes": "unmap",
        "read-only": false,
        cache: { direct: true, "no-flush": false },
        file: storageNodeName("vda"),
      },
    ]);
    expect(device(list, "disk-vda")).toMatchObject({
      driver: "virtio-blk-pci",
      drive: "disk-vda-format",
      bootindex: 1,
    });
    expect([
      targetOfNode("disk-vda-format"),
      targetOfNode("disk-sdaa-storage"),
      targetOfNode("pflash0-format"),
    ]).toEqual(["vda", "sdaa", undefined]);
  });

  it("keep image locking on", () => {
    const nodes = objectsOf(argv(guest("", on("vda", "virtio"))), "-blockdev");
    expect(nodes.filter((node) => "locking" in node)).toEqual([]);
  });

  it.each([
    ["none", "on", { direct: true, "no-flush": false }],
    ["writeback", "on", { direct: false, "no-flush": false }],
    ["writethrough", "off", { direct: false, "no-flush": false }],
    ["directsync", "off", { direct: true, "no-flush": false }],
    ["unsafe", "on", { direct: false, "no-flush": true }],
  ])("with cache=%s have the write cache %s", (mode, writeCache, cache) => {
    const list = argv(
      guest("", disk(`<driver cache='${mode}'/><source file='/a'/><target dev='vda' bus='virtio'/>`)),
    );
    expect(device(list, "disk-vda")?.["write-cache"]).toBe(writeCache);
    expect(objectsOf(list, "-blockdev").map((node) => node["cache"])).toEqual([cache, cache]);
  });

  it.each([
    ["enospace", { werror: "enospc" }],
    ["stop", { werror: "stop", rerror: "stop" }],
    ["report", { werror: "report", rerror: "report" }],
  ])("with error_policy=%s tell QEMU so", (policy, expected) => {
    const list = argv(
      guest(
        "",
        disk(`<driver error_policy='${policy}'/><source file='/a'/><target dev='vda' bus='virtio'/>`),
      ),
    );
    const { werror, rerror } = device(list, "disk-vda") ?? {};
    expect(JSON.parse(JSON.stringify({ werror, rerror }))).toEqual(expected);
  });

  it.each([
    ["q35", on("sdb", "sata"), { driver: "ide-hd", bus: "ide.1" }],
    ["q35", on("sdg", "sata"), { driver: "ide-hd", bus: "sata1.0" }],
    ["pc", on("sdb", "sata"), { driver: "ide-hd", bus: "sata0.1" }],
    ["pc", on("hdd", "ide"), { driver: "ide-hd", bus: "ide.1", unit: 1 }],
    [
      "q35",
      on("sdi", "scsi"),
      { driver: "scsi-hd", bus: "scsi1.0", "scsi-id": 0, lun: 1, device_id: "drive-scsi1-0-0-1" },
    ],
    ["q35", on("sdb", "usb"), { driver: "usb-storage", bus: "usb.0" }],
    [
      "q35",
      on("sda", "scsi", "<address type='drive' controller='0' bus='0' target='3' unit='4'/>"),
      { "scsi-id": 3, lun: 4 },
    ],
  ])("on %s sit where their target or address says (%#)", (machine, xml, expected) => {
    const [, target] = /dev='(\w+)'/.exec(xml) ?? [];
    expect(device(argv(guest("", xml, machine)), `disk-${target}`)).toMatchObject(expected);
  });

  it("pass on a WWN as a whole 64-bit number", () => {
    const list = argv(guest("", on("sda", "scsi", "<wwn>5000c50015ea71ad</wwn>")));
    expect(valuesOf(list, "-device").join()).toContain(`"wwn":${0x5000c50015ea71adn}`);
  });

  it("are empty where they have no medium", () => {
    const list = argv(guest("", disk("<target dev='sda' bus='sata'/>", "type='file' device='cdrom'")));
    expect(device(list, "disk-sda")).toMatchObject({ driver: "ide-cd" });
    expect(device(list, "disk-sda")).not.toHaveProperty("drive");
    expect(objectsOf(list, "-blockdev")).toEqual([]);
  });

  it("on a block device open it as one, read-only where they are", () => {
    const list = argv(
      guest("", disk("<source dev='/dev/x'/><target dev='vda' bus='virtio'/><readonly/>", "type='block'")),
    );
    const [storage, format] = objectsOf(list, "-blockdev");
    expect(storage).toMatchObject({ driver: "host_device", filename: "/dev/x", "auto-read-only": true });
    expect(format).toMatchObject({ driver: "raw", "read-only": true });
  });
});

describe("the boot order", () => {
  const devices = `${disk("<target dev='sda' bus='sata'/>", "type='file' device='cdrom'")}${on("vda", "virtio")}${on("vdb", "virtio")}<interface type='user'/>`;
  const indexes = (inside: string, xml = devices) =>
    objectsOf(argv(guest(inside, xml)), "-device").flatMap((d) =>
      d["bootindex"] === undefined ? [] : [[d["id"], d["bootindex"]]],
    );

  it("is the first disk when nothing is said", () => {
    expect(indexes("")).toEqual([["disk-vda", 1]]);
  });

  it("is the first device of each kind in <os>", () => {
    const os =
      "<os><type machine='q35'>hvm</type><boot dev='network'/><boot dev='cdrom'/><boot dev='hd'/></os>";
    expect(indexes(os)).toEqual([
      ["disk-sda", 2],
      ["disk-vda", 3],
      ["net0", 1],
    ]);
  });

  it("is that of the devices where they have one", () => {
    expect(
      indexes("", devices.replace("dev='vdb' bus='virtio'/>", "dev='vdb' bus='virtio'/><boot order='1'/>")),
    ).toEqual([["disk-vdb", 1]]);
  });

  it("is the first disk when a kernel is started directly, for what the kernel starts", () => {
    expect(indexes("<os><type machine='q35'>hvm</type><kernel>/k</kernel></os>")).toEqual([["disk-vda", 1]]);
  });
});

describe("PCI places", () => {
  const balloon = (address = "") => `<memballoon model='virtio'>${address}</memballoon>`;

  it("on q35 are ports of their own, which need nothing said", () => {
    const list = argv(
      guest("", `<interface type='user'/>${balloon()}<rng model='virtio'><backend model='builtin'/></rng>`),
    );
    const places = ["net0", "balloon0", "rng0"].map((id) => device(list, id));
    expect(places.map((place) => [place?.["bus"], place?.["addr"]])).toEqual([
      ["pci.2", "0x1"],
      ["pci.4", "0x0"],
      ["pci.5", "0x0"],
    ]);
    expect(device(list, "pci.4")).toMatchObject({ driver: "pcie-root-port", bus: "pcie.0" });
  });

  it("leave alone the slots that later devices name, and those of the board", () => {
    const list = argv(
      guest("", `<interface type='user'/>${balloon("<address type='pci' slot='2'/>")}`, "pc"),
    );
    expect(device(list, "net0")).toMatchObject({ bus: "pci.0", addr: "0x3" });
    expect(device(list, "balloon0")).toMatchObject({ bus: "pci.0", addr: "0x2" });
  });

  it("on other buses name the controller with that index", () => {
    const list = argv(
      guest(
        "",
        `<controller type='pci' index='3' model='pcie-root-port'><target chassis='7' port='0x18'/><address type='pci' slot='4' function='1' multifunction='on'/></controller>${balloon("<address type='pci' bus='3' slot='0'/>")}`,
      ),
    );
    expect(device(list, "pci.3")).toEqual({
      driver: "pcie-root-port",
      id: "pci.3",
      chassis: 7,
      port: 24,
      bus: "pcie.0",
      addr: "0x4.0x1",
      multifunction: true,
    });
    expect(device(list, "balloon0")).toMatchObject({ bus: "pci.3", addr: "0x0" });
  });
});

describe("network cards", () => {
  const bridge = `<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/>`;

  it("of a bridge use the tap that the agent made, by name", () => {
    const list = argv(guest("", `${bridge}<model type='virtio'/></interface>`), {
      taps: new Map([[0, { ifname: "tap7" }]]),
    });
    expect(objectsOf(list, "-netdev")).toEqual([
      { type: "tap", id: "hostnet0", ifname: "tap7", script: "no", downscript: "no" },
    ]);
    expect(device(list, "net0")).toMatchObject({
      driver: "virtio-net-pci",
      netdev: "hostnet0",
      mac: "52:54:00:00:00:01",
    });
  });

  it("with several queues use one descriptor for each", () => {
    const list = argv(
      guest("", `${bridge}<model type='virtio'/><driver name='vhost' queues='2'/></interface>`),
      {
        taps: new Map([[0, { fds: [20, 21], vhostFds: [22, 23] }]]),
      },
    );
    expect(objectsOf(list, "-netdev")).toEqual([
      { type: "tap", id: "hostnet0", fds: "20:21", vhost: true, vhostfds: "22:23" },
    ]);
    expect(device(list, "net0")).toMatchObject({ mq: true, vectors: 6 });
  });

  it("of type user need nothing of the host", () => {
    const list = argv(
      guest(
        "",
        "<interface type='user'><model type='e1000e'/><mac address='52:54:00:00:00:01'/></interface>",
      ),
    );
    expect(objectsOf(list, "-netdev")).toEqual([{ type: "user", id: "hostnet0" }]);
    expect(device(list, "net0")).toMatchObject({ driver: "e1000e" });
  });
});

describe("character devices", () => {
  it("make the first console and the first serial port one device", () => {
    const twin =
      "<serial type='pty'><target port='0'/></serial><console type='pty'><target type='serial' port='0'/></console>";
    for (const xml of [twin, "<console type='pty'/>"]) {
      const list = argv(guest("", xml));
      expect(valuesOf(list, "-chardev").slice(1)).toEqual(["pty,id=charserial0"]);
      expect(objectsOf(list, "-device").filter((d) => d["driver"] === "isa-serial")).toEqual([
        { driver: "isa-serial", id: "serial0", chardev: "charserial0", index: 0 },
      ]);
    }
  });

  it.each([
    ["<serial type='null'/>", "null,id=charserial0"],
    [
      "<serial type='file'><source path='/a,b' append='on'/></serial>",
      "file,id=charserial0,path=/a,,b,append=on",
    ],
    [
      "<serial type='unix'><source mode='bind' path='/s'/></serial>",
      "socket,id=charserial0,path=/s,server=on,wait=off",
    ],
    [
      "<serial type='unix'><source mode='connect' path='/s'/></serial>",
      "socket,id=charserial0,path=/s,server=off",
    ],
    [
      "<serial type='tcp'><source mode='bind' host='::1' service='70'/><protocol type='telnet'/></serial>",
      "socket,id=charserial0,host=::1,port=70,server=on,wait=off,telnet=on",
    ],
    ["<serial type='pty'><log file='/l'/></serial>", "pty,id=charserial0,logfile=/l,logappend=on"],
  ])("%s", (xml, expected) => {
    expect(valuesOf(argv(guest("", xml)), "-chardev")[1]).toBe(expected);
  });

  it("are unix sockets where the agent wants to read a pty itself", () => {
    const consoleSockets = new Map([["charserial0", "/run/c.sock"]]);
    expect(valuesOf(argv(guest("", "<serial type='pty'/>"), { consoleSockets }), "-chardev")[1]).toBe(
      "socket,id=charserial0,path=/run/c.sock,server=on,wait=off",
    );
  });

  it("give channels a controller, ports that nobody names, and a socket in the guest's directory", () => {
    const list = argv(
      guest(
        "",
        `<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
        <channel type='null'><target type='virtio' name='b'/><address type='virtio-serial' port='1'/></channel>`,
      ),
    );
    expect(device(list, "virtio-serial0")).toMatchObject({ driver: "virtio-serial-pci" });
    expect(device(list, "channel0")).toEqual({
      driver: "virtserialport",
      chardev: "charchannel0",
      id: "channel0",
      name: "org.qemu.guest_agent.0",
      bus: "virtio-serial0.0",
      nr: 2,
    });
    expect(device(list, "channel1")).toMatchObject({ nr: 1 });
    expect(valuesOf(list, "-chardev")[1]).toBe(
      "socket,id=charchannel0,path=/run/guest/channel0.sock,server=on,wait=off",
    );
  });
});

describe("other devices", () => {
  it("bring a USB controller with them", () => {
    const list = argv(guest("", "<input type='tablet' bus='usb'/>"));
    expect(device(list, "usb")).toMatchObject({ driver: "qemu-xhci" });
    expect(device(list, "input0")).toEqual({ driver: "usb-tablet", id: "input0", bus: "usb.0", port: "1" });
  });

  it("include one screen that shows the firmware and others that do not", () => {
    const list = argv(
      guest("", "<video><model type='virtio' heads='2'/></video><video><model type='virtio'/></video>"),
    );
    expect([device(list, "video0"), device(list, "video1")]).toMatchObject([
      { driver: "virtio-vga", max_outputs: 2 },
      { driver: "virtio-gpu-pci" },
    ]);
  });

  it("read random numbers of the host at the given rate", () => {
    const list = argv(guest("", "<rng model='virtio'><rate bytes='64'/><backend model='random'/></rng>"));
    expect(objectsOf(list, "-object")).toEqual([
      { "qom-type": "rng-random", id: "objrng0", filename: "/dev/random" },
    ]);
    expect(device(list, "rng0")).toMatchObject({ rng: "objrng0", "max-bytes": 64, period: 1000 });
  });

  it("say what a watchdog does", () => {
    const list = argv(guest("", "<watchdog model='i6300esb' action='pause'/>"));
    expect(valuesOf(list, "-action")).toContain("watchdog=pause");
    expect(valuesOf(argv(guest("", "<watchdog model='itco'/>")), "-global")).toEqual([
      "driver=ICH9-LPC,property=noreboot,value=off",
    ]);
  });

  it.each([
    ["<graphics type='vnc' port='5901' listen='0.0.0.0'/>", "0.0.0.0:1"],
    ["<graphics type='vnc' port='5901'/>", "127.0.0.1:1"],
    ["<graphics type='vnc'><listen type='socket' socket='/v,1'/></graphics>", "vnc=unix:/v,,1"],
    [
      "<graphics type='vnc' port='5900' websocket='5700' sharePolicy='ignore'/>",
      "127.0.0.1:0,websocket=5700,share=ignore",
    ],
  ])("show the screen by %s", (xml, expected) => {
    expect(valuesOf(argv(guest("", xml)), "-vnc")).toEqual([`${expected},audiodev=audio1`]);
  });
});
