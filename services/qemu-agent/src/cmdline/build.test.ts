import { VirtError } from "@virtmesh/core/errors";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { argv, CAPABILITIES, device, guest, objectsOf, RUNTIME, valuesOf } from "./testing/fixture.ts";
import { environmentOf } from "./build.ts";
import { withMachine } from "./machine-types.ts";
import type { Runtime } from "./runtime.ts";
import { settleCommands } from "./settle.ts";

const disk = (inside: string, attributes = "type='file' device='disk'") =>
  `<disk ${attributes}>${inside}</disk>`;
const source = "<source file='/i/a.img'/>";

/** A guest that was completed for another machine. */
const onMachine = (machine: string): IdentifiedDomain => {
  const definition = guest();
  return { ...definition, os: { ...definition.os, type: { ...definition.os.type, machine } } };
};

describe("the command line of a guest", () => {
  const plain = argv(guest());

  it("starts stopped, confined, without anything of the user's and without default devices", () => {
    expect(plain).toEqual(
      expect.arrayContaining(["-S", "-no-user-config", "-nodefaults", "-display", "none"]),
    );
    expect(valuesOf(plain, "-sandbox")).toEqual([
      "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
    ]);
    expect(valuesOf(plain, "-chardev")[0]).toBe("socket,id=charmonitor,fd=3,server=on,wait=off");
    expect(valuesOf(plain, "-mon")).toEqual(["chardev=charmonitor,id=monitor,mode=control"]);
  });

  it("has name, UUID, memory, processors and accelerator", () => {
    expect(valuesOf(plain, "-name")).toEqual(["guest=g,debug-threads=on"]);
    expect(valuesOf(plain, "-uuid")).toEqual(["3c7f2a4e-9d0b-4f63-8a56-0d0f3b9f6b11"]);
    expect(valuesOf(plain, "-m")).toEqual(["size=65536k"]);
    expect(valuesOf(plain, "-smp")).toEqual(["1,sockets=1,cores=1,threads=1"]);
    expect(valuesOf(plain, "-accel")).toEqual(["tcg"]);
  });

  it("does not let a name break out of its option", () => {
    expect(valuesOf(argv({ ...guest(), name: "a,debug-threads=off" }), "-name")).toEqual([
      "guest=a,,debug-threads=off,debug-threads=on",
    ]);
  });

  it("has, besides those it asked for, the devices that every guest of its machine has", () => {
    expect(objectsOf(plain, "-device").map((d) => d["driver"])).toEqual([
      ...["pcie-root-port", "pcie-root-port", "pcie-root-port"],
      ...["qemu-xhci", "virtio-balloon-pci"],
    ]);
    expect(device(argv(guest("", "<memballoon model='none'/>")), "balloon0")).toBeUndefined();
  });

  it("waits for a migration only when it comes in", () => {
    expect(plain).not.toContain("-incoming");
    expect(valuesOf(argv(guest(), { incoming: true }), "-incoming")).toEqual(["defer"]);
  });

  it("has a second monitor for orders out of band when it may come to lack memory", () => {
    const both = argv(guest(), { recoveryPipe: "/run/g/recovery" });
    expect(valuesOf(both, "-chardev")).toContain("pipe,id=charrecovery,path=/run/g/recovery");
    expect(valuesOf(both, "-mon")).toContain("chardev=charrecovery,id=recovery,mode=control");
  });

  it.each<[string, Partial<Runtime>]>([
    ["incoming", { incoming: true }],
    ["another directory", { directory: "/elsewhere" }],
    ["consoles on sockets", { consoleSockets: new Map([["charserial0", "/s"]]) }],
  ])("has the same devices with %s", (_, runtime) => {
    const wide = guest(
      "",
      `${disk(`${source}<target dev='vda'/>`)}<interface type='user'/><serial type='pty'/>`,
    );
    expect(objectsOf(argv(wide, runtime), "-device")).toEqual(objectsOf(argv(wide), "-device"));
  });

  it("says what happens when the guest ends, restarts or panics", () => {
    expect(valuesOf(plain, "-action")).toEqual(["shutdown=poweroff,reboot=reset,panic=shutdown"]);
    const other = guest(
      "<on_poweroff>restart</on_poweroff><on_reboot>destroy</on_reboot><on_crash>preserve</on_crash>",
    );
    expect(valuesOf(argv(other), "-action")).toEqual(["shutdown=pause,reboot=shutdown,panic=pause"]);
  });

  it("honours arguments for QEMU itself only where the agent allows them", () => {
    const definition = guest(
      "<qemu:commandline><qemu:arg value='-newarg'/><qemu:env name='A' value='b'/></qemu:commandline>",
    );
    expect(() => argv(definition)).toThrow(/not allowed by this agent/);
    expect(argv(definition, { allowPassthrough: true }).at(-1)).toBe("-newarg");
    expect(environmentOf(definition, { ...RUNTIME, allowPassthrough: true })).toEqual({ A: "b" });
    expect(environmentOf(definition, RUNTIME)).toEqual({});
  });
});

describe("the machine", () => {
  it.each([
    ["q35", "pc-q35-7.2"],
    ["pc", "pc-i440fx-7.2"],
    ["pc-q35-7.1", "pc-q35-7.1"],
  ])("%s is the version %s", (name, version) => {
    const definition = guest("", "", name);
    expect(valuesOf(argv(definition), "-machine")[0]?.split(",")[0]).toBe(version);
    expect(withMachine(definition, CAPABILITIES).os.type).toEqual({
      kind: "hvm",
      arch: "x86_64",
      machine: version,
    });
  });

  it.each([
    ["no ACPI", "", "acpi=off"],
    ["no vmport", "<features><acpi/><vmport state='off'/></features>", "vmport=off"],
    ["system management mode", "<features><smm state='on'/></features>", "smm=on"],
    ["no HPET", "<clock offset='utc'><timer name='hpet' present='no'/></clock>", "hpet=off"],
  ])("has %s", (_, inside, option) => {
    expect(valuesOf(argv(guest(inside)), "-machine")[0]?.split(",")).toContain(option);
  });

  it.each([
    ["no CPU", "", "tcg", "qemu64"],
    ["the host's CPU with KVM", "<cpu mode='host-passthrough'/>", "kvm", "host,migratable=on"],
    ["the host's CPU without KVM", "<cpu mode='host-passthrough'/>", "tcg", "max,migratable=on"],
    ["a model near the host's", "<cpu mode='host-model'/>", "kvm", "host"],
    [
      "a model with features",
      "<cpu><model>Haswell</model><feature name='vmx'/><feature policy='forbid' name='hle'/><feature policy='optional' name='x'/></cpu>",
      "kvm",
      "Haswell,vmx=on,hle=off",
    ],
    [
      "Hyper-V features",
      "<features><hyperv><relaxed state='on'/><vapic state='off'/><spinlocks state='on' retries='8191'/></hyperv></features>",
      "kvm",
      "qemu64,hv-relaxed=on,hv-spinlocks=8191",
    ],
  ] as const)("asked for %s has the right -cpu", (_, inside, accelerator, expected) => {
    expect(valuesOf(argv(guest(inside), { accelerator }), "-cpu")).toEqual([expected]);
  });

  it("has the topology and the processors that can be added", () => {
    const definition = guest(
      "<vcpu current='2'>8</vcpu><cpu><topology sockets='1' dies='2' cores='2' threads='2'/></cpu>",
    );
    expect(valuesOf(argv(definition), "-smp")).toEqual(["2,maxcpus=8,sockets=1,dies=2,cores=2,threads=2"]);
  });

  it.each([
    ["utc", "<clock offset='utc'/>", "base=utc"],
    ["local time", "<clock offset='localtime'/>", "base=localtime"],
    ["a distance from now", "<clock offset='variable' adjustment='-65'/>", "base=2026-01-02T03:03:00"],
    ["a fixed time", "<clock offset='absolute' start='0'/>", "base=1970-01-01T00:00:00"],
    [
      "missed ticks made up for",
      "<clock offset='utc'><timer name='rtc' tickpolicy='catchup' track='guest'/></clock>",
      "base=utc,clock=vm,driftfix=slew",
    ],
  ])("has a clock with %s", (_, inside, expected) => {
    expect(valuesOf(argv(guest(inside)), "-rtc")).toEqual([expected]);
  });

  it("starts a kernel directly", () => {
    const definition = guest(
      "<os><type machine='q35'>hvm</type><kernel>/k</kernel><initrd>/i</initrd><cmdline>a=b c,d</cmdline></os>",
    );
    const list = argv(definition);
    expect([valuesOf(list, "-kernel"), valuesOf(list, "-initrd"), valuesOf(list, "-append")]).toEqual([
      ["/k"],
      ["/i"],
      ["a=b c,d"],
    ]);
  });

  it("has UEFI as two flash chips, the variables writable", () => {
    const os =
      "<os><type machine='q35'>hvm</type><loader type='pflash' readonly='yes'>/CODE.fd</loader><nvram>/VARS.fd</nvram></os>";
    const list = argv(guest(os));
    expect(valuesOf(list, "-machine")[0]).toContain("pflash0=pflash0-format,pflash1=pflash1-format");
    expect(objectsOf(list, "-blockdev")).toEqual([
      {
        driver: "file",
        filename: "/CODE.fd",
        "node-name": "pflash0-storage",
        "auto-read-only": true,
        discard: "unmap",
      },
      { driver: "raw", "node-name": "pflash0-format", "read-only": true, file: "pflash0-storage" },
      {
        driver: "file",
        filename: "/VARS.fd",
        "node-name": "pflash1-storage",
        "auto-read-only": true,
        discard: "unmap",
      },
      { driver: "raw", "node-name": "pflash1-format", "read-only": false, file: "pflash1-storage" },
    ]);
  });

  it("cannot be put to sleep where the definition forbids it", () => {
    const pm = "<pm><suspend-to-mem enabled='no'/></pm>";
    expect(valuesOf(argv(guest(pm)), "-global")).toEqual(["driver=ICH9-LPC,property=disable_s3,value=1"]);
    expect(valuesOf(argv(guest(pm, "", "pc")), "-global")).toEqual([
      "driver=PIIX4_PM,property=disable_s3,value=1",
    ]);
  });
});

describe("what is set after QEMU has started", () => {
  const definition = guest(
    "<currentMemory unit='MiB'>32</currentMemory>",
    `<interface type='user'><link state='down'/></interface><graphics type='vnc' passwd='pw'/><memballoon model='virtio'/>`,
  );

  it("is links that are down, passwords and the balloon", () => {
    expect(settleCommands(definition, false).map((c) => c.execute)).toEqual([
      "set_link",
      "set_password",
      "balloon",
    ]);
  });

  it("leaves the balloon to a migration that comes in", () => {
    expect(settleCommands(definition, true).map((c) => c.execute)).toEqual(["set_link", "set_password"]);
  });

  it("keeps the password out of the arguments", () => {
    const list = argv(definition, { vnc: new Map([[0, { address: "::1", port: 5907 }]]) });
    expect(valuesOf(list, "-vnc")).toEqual(["[::1]:7,password=on,audiodev=audio1"]);
    expect(list.join(" ")).not.toContain("pw");
  });
});

describe("a guest is refused by name and place", () => {
  it.each([
    ["of another hypervisor", { ...guest(), type: "xen" as const }, "@type"],
    ["on a machine nobody has", onMachine("pdp11"), "os/type/@machine"],
    ["on a machine this agent does not know", onMachine("microvm"), "os/type/@machine"],
    ["with a TPM this QEMU lacks", guest("", "<tpm><backend type='passthrough'/></tpm>"), "devices/tpm[1]"],
    [
      "with a file that is opened for it",
      guest("", disk("<source file='/a' fdgroup='f'/><target dev='vda'/>")),
      "devices/disk[1]/source/@fdgroup",
    ],
    [
      "with a topology of another size",
      guest("<vcpu>3</vcpu><cpu><topology sockets='1' cores='2' threads='1'/></cpu>"),
      "cpu/topology",
    ],
    [
      "with huge pages where the host has none",
      guest("<memoryBacking><hugepages/></memoryBacking>"),
      "memoryBacking/hugepages",
    ],
    ["with a Xen feature", guest("<features><xen><e820_host state='on'/></xen></features>"), "features/xen"],
    ["with an unknown CPU model", guest("<cpu><model>Z80</model></cpu>"), "cpu/model"],
    ["with graphics this QEMU lacks", guest("", "<graphics type='spice'/>"), "devices/graphics[1]/@type"],
    [
      "with a screen this QEMU lacks",
      guest("", "<video><model type='qxl'/></video>"),
      "devices/video[1]/model",
    ],
    [
      "with a cdrom on virtio",
      guest("", disk("<target dev='vda'/>", "type='file' device='cdrom'")),
      "devices/disk[1]/@device",
    ],
    ["with IDE on q35", guest("", disk(`${source}<target dev='hda' bus='ide'/>`)), "devices/controller[4]"],
    [
      "with an unknown image format",
      guest("", disk(`<driver type='zip'/>${source}<target dev='vda'/>`)),
      "devices/disk[1]/driver/@type",
    ],
    [
      "with native I/O through the page cache",
      guest("", disk(`<driver io='native'/>${source}<target dev='vda'/>`)),
      "devices/disk[1]/driver/@io",
    ],
    [
      "with an I/O thread that is not there",
      guest("", disk(`<driver iothread='2'/>${source}<target dev='vda'/>`)),
      "devices/disk[1]/driver/@iothread",
    ],
    [
      "with a bridge and no tap",
      guest("", "<interface type='bridge'><source bridge='b'/></interface>"),
      "devices/interface[1]",
    ],
    [
      "with the itco watchdog on pc",
      guest("", "<watchdog model='itco'/>", "pc"),
      "devices/watchdog[1]/@model",
    ],
  ])("%s", (_, definition, path) => {
    try {
      argv(definition);
    } catch (e) {
      if (!VirtError.is(e)) throw e;
      expect(e.reason).toBe("CONFIG_UNSUPPORTED");
      expect(e.context.metadata?.["path"]).toBe(`/domain/${path}`);
      return;
    }
    throw new Error("it was taken");
  });
});
