import { parseDomain } from "@virtmesh/documents/domain/document";
import { libxlConfig } from "./to-libxl.ts";

function asked(kind: string, { devices = "", os = "", more = "" } = {}): unknown {
  const start = kind === "hvm" ? "" : "<kernel>/boot/vmlinuz</kernel>";
  const xml = `<domain type='xen'><name>web</name><memory unit='MiB'>512</memory><vcpu>2</vcpu>
    <os><type>${kind}</type>${start}${os}</os>${more}<devices>${devices}</devices></domain>`;
  return libxlConfig(parseDomain(xml));
}

describe("what libxl is asked for", () => {
  it("is a guest of the kind that the document says, with what differs from libxl's own defaults", () => {
    expect(asked("xenpvh")).toEqual({
      c_info: { type: "pvh", name: "web" },
      b_info: {
        ...{ max_vcpus: 2, avail_vcpus: [0, 1], max_memkb: 524288, target_memkb: 524288 },
        ...{ sched_params: {}, kernel: "/boot/vmlinuz", "type.pvh": {}, arch_arm: {} },
      },
      on_reboot: "restart",
    });
  });

  it("has features of the processor as bits of CPUID", () => {
    const feature = (policy: string, name: string) => `<feature policy='${policy}' name='${name}'/>`;
    const features = [
      ...[feature("disable", "vmx"), feature("forbid", "pni"), feature("require", "tsc")],
      ...[feature("force", "smep"), feature("optional", "avx"), feature("disable", "spec-ctrl")],
    ].join("");
    expect(asked("hvm", { more: `<cpu mode='host-passthrough'>${features}</cpu>` })).toMatchObject({
      b_info: {
        nested_hvm: "False",
        cpuid: [
          { leaf: 1, ecx: `${"x".repeat(31)}0`, edx: `${"x".repeat(27)}1xxxx` },
          { leaf: 7, subleaf: 0, ebx: `${"x".repeat(24)}1xxxxxxx`, edx: `xxxxx0${"x".repeat(26)}` },
        ],
      },
    });
  });

  it.each<[string, string, Parameters<typeof asked>[1], object]>([
    [
      "processors of the host",
      "linux",
      { more: "<cputune><vcpupin vcpu='0' cpuset='0-1'/></cputune>" },
      { b_info: { vcpu_hard_affinity: [[0, 1]], numa_placement: "False" } },
    ],
    [
      "a rate",
      "linux",
      {
        devices:
          "<interface type='bridge'><source bridge='b'/><bandwidth><outbound average='100'/></bandwidth></interface>",
      },
      {
        nics: [
          {
            ...{ devid: 0, bridge: "b", script: "vif-bridge", nictype: "vif" },
            ...{ rate_bytes_per_interval: 5120, rate_interval_usecs: 50000 },
          },
        ],
      },
    ],
    [
      "an empty drive",
      "hvm",
      { devices: "<disk device='cdrom'><target dev='hdc'/></disk>" },
      { disks: [{ vdev: "hdc", format: "empty", removable: 1, is_cdrom: 1 }] },
    ],
    [
      "SPICE",
      "hvm",
      { devices: "<graphics type='spice' port='5930'><listen type='address' address='::1'/></graphics>" },
      {
        b_info: {
          video_memkb: 8192,
          "type.hvm": {
            vnc: { enable: "False" },
            spice: { enable: "True", port: 5930, host: "::1", disable_ticketing: "True" },
          },
        },
      },
    ],
    [
      "a USB device without a controller",
      "linux",
      {
        devices:
          "<hostdev mode='subsystem' type='usb'><source><address bus='1' device='3'/></source></hostdev>",
      },
      {
        usbctrls: [{ type: "qusb", devid: 0, version: 2, ports: 8 }],
        usbdevs: [{ "type.hostdev": { hostbus: 1, hostaddr: 3 } }],
      },
    ],
    [
      "channels",
      "linux",
      {
        devices:
          "<channel type='pty'><target type='xen' name='a'/></channel><channel type='unix'><source mode='bind' path='/s'/><target type='xen' name='b'/></channel>",
      },
      {
        channels: [
          { name: "a", "connection.pty": {} },
          { name: "b", "connection.socket": { path: "/s" } },
        ],
      },
    ],
    [
      "UEFI",
      "hvm",
      { os: "<loader type='pflash'>/o</loader>" },
      { b_info: { "type.hvm": { bios: "ovmf" } } },
    ],
  ])("has %s", (_, kind, parts, expected) => {
    expect(asked(kind, parts)).toMatchObject(expected);
  });

  it.each([
    [
      "hvm",
      { more: "<cpu mode='host-passthrough'><feature policy='require' name='teleport'/></cpu>" },
      "libxl knows no feature teleport at /domain/cpu/feature[1]/@name",
    ],
    [
      "linux",
      { more: "<cputune><vcpupin vcpu='1' cpuset='0'/></cputune>" },
      "processor 0 must be pinned as well: the last that is has the number 1 at /domain/cputune",
    ],
    [
      "hvm",
      { devices: "<video><model type='virtio'/></video>" },
      "libxl has no screen of the model virtio at /domain/devices/video[1]/model/@type",
    ],
    ["hvm", { devices: "<parallel type='pty'/>" }, "libxl has no parallel ports at /domain/devices/parallel"],
  ])("is nothing for what libxl does not know: %#", (kind, parts, message) => {
    expect(() => asked(kind, parts)).toThrow(message);
  });
});
