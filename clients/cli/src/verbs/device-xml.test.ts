import { parseDevice } from "@virtmesh/documents/domain/one-device";
import { Given } from "../verb.ts";
import { diskXml } from "./disks.ts";
import { interfaceXml } from "./interfaces.ts";

const given = (options: Readonly<Record<string, unknown>>): Given => new Given([], options);

describe("the device that attach-disk describes", () => {
  it("is a file unless it lies in /dev", () => {
    expect(diskXml("/images/a", "vdb", given({}))).toContain("<disk type='file' device='disk'>");
    expect(diskXml("/dev/vg/a", "vdb", given({}))).toContain("<source dev='/dev/vg/a'/>");
  });

  it("has what was asked for, and is a disk that documents know", () => {
    const xml = diskXml(
      "/images/<a>.qcow2",
      "sdb",
      given({ targetbus: "scsi", subdriver: "qcow2", cache: "none", mode: "readonly", serial: "s&1" }),
    );
    expect(parseDevice(xml)).toMatchObject({
      list: "disks",
      device: {
        ...{ driver: { type: "qcow2", cache: "none" }, source: { file: "/images/<a>.qcow2" } },
        ...{ target: { dev: "sdb", bus: "scsi" }, readonly: true, serial: "s&1" },
      },
    });
  });

  it("may be an empty drive", () => {
    expect(diskXml("", "sda", given({ type: "cdrom" }))).not.toContain("<source");
  });
});

describe("the device that attach-interface describes", () => {
  it("is connected to what was named", () => {
    expect(interfaceXml("bridge", "br0", given({ model: "virtio" }))).toContain("<source bridge='br0'/>");
    expect(interfaceXml("user", "", given({}))).not.toContain("<source");
  });

  it("needs that name where there must be one", () => {
    expect(() => interfaceXml("network", "", given({}))).toThrow("type network needs a source");
  });
});
