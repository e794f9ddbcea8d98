import type { Address } from "../../devices/common.ts";
import { parseDomain } from "../../document.ts";
import { completeQemuDomain } from "../qemu/complete.ts";
import { latestQemu } from "../qemu/traits.ts";

const complete = (arch: string, machine: string, devices: string) =>
  completeQemuDomain(
    parseDomain(
      `<domain type='qemu'><name>g</name><memory>65536</memory><os><type arch='${arch}' machine='${machine}'>hvm</type></os><devices>${devices}</devices></domain>`,
    ),
    { traits: latestQemu(arch), newDomain: true },
  ).devices;
const numbers = (list: readonly { readonly address?: Address }[]) =>
  list.map(({ address = { type: "unassigned" } }) => {
    const { type: _type, ...rest } = address;
    return Object.values(rest).join(":");
  });

describe("addresses of their own kinds", () => {
  it("are ports of USB, past those that are taken, with a hub where they run out", () => {
    const tablet = "<input type='tablet' bus='usb'/>";
    const named = "<input type='tablet' bus='usb'><address type='usb' bus='0' port='1'/></input>";
    const { inputs } = complete("x86_64", "pc", `${tablet}${named}`);
    expect(numbers(inputs.filter(({ bus }) => bus === "usb"))).toEqual(["0:2", "0:1"]);
    const many = complete("x86_64", "pc", tablet.repeat(4));
    expect(many.hubs).toHaveLength(1);
    expect(new Set(numbers([...many.inputs.filter(({ bus }) => bus === "usb"), ...many.hubs])).size).toBe(5);
  });

  it("are ports of virtio-serial, of which the first is for a console", () => {
    const channel = (name: string) => `<channel type='null'><target type='virtio' name='${name}'/></channel>`;
    const { channels, controllers } = complete("x86_64", "q35", `${channel("a")}${channel("b")}`);
    expect(numbers(channels)).toEqual(["0:0:1", "0:0:2"]);
    expect(controllers.filter(({ type }) => type === "virtio-serial")).toHaveLength(1);
  });

  it("are numbers of channels on s390, in the order of the devices", () => {
    const disk = (name: string) =>
      `<disk type='file' device='disk'><source file='/${name}'/><target dev='${name}' bus='virtio'/></disk>`;
    const { disks, memballoons } = complete("s390x", "s390-ccw-virtio", `${disk("vda")}${disk("vdb")}`);
    expect(disks.map(({ address }) => address)).toMatchObject([
      { type: "ccw", cssid: 0xfe, ssid: 0, devno: 0 },
      { type: "ccw", cssid: 0xfe, ssid: 0, devno: 1 },
    ]);
    expect(memballoons).toMatchObject([{ address: { type: "ccw", devno: 2 } }]);
  });

  it("are registers of the virtual bus on pseries", () => {
    const { serials } = complete("ppc64", "pseries", "<serial type='pty'/><serial type='pty'/>");
    expect(serials.map(({ address }) => address)).toEqual([
      { type: "spapr-vio", reg: 0x30000000n },
      { type: "spapr-vio", reg: 0x30001000n },
    ]);
  });
});
