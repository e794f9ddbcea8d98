import { VirtError } from "@virtmesh/core/errors";
import { parseDomain } from "../../document.ts";
import { completeQemuDomain } from "./complete.ts";
import { latestQemu } from "./traits.ts";
import { validateQemuDomain } from "./validate.ts";

const validate = (inside: string, devices: string, type = "arch='x86_64' machine='q35'") => {
  const os = inside.includes("<os>") ? "" : `<os><type ${type}>hvm</type></os>`;
  const xml = `<domain type='kvm'><name>g</name><memory>65536</memory>${os}${inside}<devices>${devices}</devices></domain>`;
  const arch = /arch='(\w+)'/.exec(xml)?.[1] ?? "x86_64";
  validateQemuDomain(completeQemuDomain(parseDomain(xml), { traits: latestQemu(arch), newDomain: true }));
};
const disk = (inside: string, target = "dev='vda' bus='virtio'", device = "disk") =>
  `<disk type='file' device='${device}'>${inside}<source file='/a'/><target ${target}/></disk>`;

describe("what QEMU cannot do is refused by name and place", () => {
  it.each([
    [
      "a port of VMware on ARM",
      "<features><vmport state='on'/></features>",
      "",
      "features/vmport",
      "aarch64",
    ],
    ["what only pseries has", "<features><htm state='on'/></features>", "", "features/htm", "x86_64"],
    ["TCG without TCG", "<features><tcg/></features>", "", "features/tcg", "x86_64"],
    [
      "a clock from boot",
      "<clock><timer name='rtc' track='boot'/></clock>",
      "",
      "clock/timer[1]/@track",
      "x86_64",
    ],
    ["a guest that is kept", "<on_reboot>preserve</on_reboot>", "", "on_reboot", "x86_64"],
    ["too many processors", "<vcpu>300</vcpu>", "", "vcpu", "x86_64"],
    ["another driver", "", disk("<driver name='phy'/>"), "devices/disk[1]/driver/@name", "x86_64"],
    [
      "a thread for a disk on SCSI",
      "<iothreads>1</iothreads>",
      disk("<driver name='qemu' iothread='1'/>", "dev='sda' bus='scsi'"),
      "devices/disk[1]/driver/@iothread",
      "x86_64",
    ],
    [
      "a disk on SATA to read",
      "",
      disk("<readonly/>", "dev='sda' bus='sata'"),
      "devices/disk[1]/readonly",
      "x86_64",
    ],
    [
      "rotation of a virtio disk",
      "",
      disk("", "dev='vda' bus='virtio' rotation_rate='1'"),
      "devices/disk[1]/target/@rotation_rate",
      "x86_64",
    ],
    [
      "an odd queue",
      "",
      "<interface type='user'><model type='virtio'/><driver rx_queue_size='300'/></interface>",
      "devices/interface[1]/driver/@rx_queue_size",
      "x86_64",
    ],
    [
      "queues of a SATA controller",
      "",
      "<controller type='sata' index='0'><driver queues='2'/></controller>",
      "devices/controller[1]/driver/@queues",
      "x86_64",
    ],
    [
      "virtiofs with mapped permissions",
      "",
      "<filesystem accessmode='mapped'><driver type='virtiofs'/><source dir='/a'/><target dir='t'/></filesystem>",
      "devices/filesystem[1]/@accessmode",
      "x86_64",
    ],
    [
      "two heads of VGA",
      "",
      "<video><model type='vga' heads='2'/></video>",
      "devices/video[1]/model/@heads",
      "x86_64",
    ],
    [
      "a long password",
      "",
      "<graphics type='vnc' passwd='123456789'/>",
      "devices/graphics[1]/@passwd",
      "x86_64",
    ],
    ["a watchdog of s390", "", "<watchdog model='diag288'/>", "devices/watchdog[1]/@model", "x86_64"],
  ])("%s", (_, inside, devices, path, arch) => {
    try {
      validate(inside, devices, arch === "x86_64" ? undefined : `arch='${arch}' machine='virt'`);
    } catch (e) {
      if (!VirtError.is(e)) throw e;
      expect(e.context.metadata?.["path"]).toBe(`/domain/${path}`);
      return;
    }
    throw new Error("it was taken");
  });

  it("but not what it can", () => {
    validate(
      "<vcpu>4</vcpu><on_crash>preserve</on_crash>",
      `${disk("<driver name='qemu' cache='none' io='native'/>")}<watchdog model='i6300esb'/>`,
    );
  });
});
