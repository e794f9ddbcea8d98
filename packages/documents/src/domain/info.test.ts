import { minimal, WORKSTATION } from "../testing/domains.ts";
import { completeDomain } from "./complete.ts";
import { parseDomain } from "./document.ts";
import { summaryOf } from "./info.ts";

describe("the summary of a definition", () => {
  it("lists disks, interfaces and graphics with what identifies them", () => {
    const summary = summaryOf(completeDomain(parseDomain(WORKSTATION)).definition);
    expect(summary).toMatchObject({
      vcpus: 2,
      memoryBytes: 2n * 1024n ** 3n,
      maxMemoryBytes: 4n * 1024n ** 3n,
    });
    expect(summary.disks.map((d) => [d.target, d.bus, d.source, d.format, d.readonly])).toEqual([
      ["vda", "virtio", "/var/lib/images/workstation.qcow2", "qcow2", false],
      ["sdb", "scsi", "/dev/vg0/data", "raw", false],
      ["sda", "sata", "", "raw", true],
    ]);
    expect(summary.interfaces.map((n) => [n.mac, n.source, n.device])).toEqual([
      ["52:54:00:aa:bb:01", "br0", "vnet7"],
      ["52:54:00:aa:bb:02", "", ""],
    ]);
    expect(summary.graphics).toEqual([{ type: "vnc", listen: "127.0.0.1", port: 5903, socket: "" }]);
  });
});

describe("completing a definition", () => {
  const xml = minimal(
    "",
    "<disk type='file'><source file='/a'/><target dev='sdc'/></disk><interface type='user'/>",
  );

  it("gives a UUID, MAC addresses, buses and the memory at start to what has none", () => {
    const { definition, uuidGenerated } = completeDomain(parseDomain(xml));
    expect(uuidGenerated).toBe(true);
    expect(definition.uuid).toMatch(/^[0-9a-f-]{36}$/);
    expect(definition.devices.interfaces[0]?.mac?.address).toMatch(/^52:54:00(:[0-9a-f]{2}){3}$/);
    expect(definition.devices.disks[0]?.target.bus).toBe("scsi");
    expect(definition.currentMemory).toEqual(definition.memory);
  });

  it("changes nothing the second time", () => {
    const { definition } = completeDomain(parseDomain(xml));
    expect(completeDomain(definition)).toEqual({ definition, uuidGenerated: false });
  });
});
