import { completeDomain } from "@virtmesh/documents/domain/complete";
import { parseDomain } from "@virtmesh/documents/domain/document";
import { sourcePath } from "@virtmesh/documents/domain/devices/disk";
import { targetOfNode } from "../cmdline/node-names.ts";
import { withMovedDisk } from "./moved-disk.ts";
import { nodesOf, withSecondNodes } from "./nodes.ts";

const { definition } = completeDomain(
  parseDomain(`<domain type="qemu"><name>web</name><uuid>6695eb01-f6a4-8304-79aa-97f2502e193f</uuid>
  <memory>1024</memory><os><type>hvm</type></os><devices>
    <disk type="file" device="disk"><driver name="qemu" type="raw" cache="none"/><source file="/old/a"/><target dev="vda"/></disk>
    <disk type="file" device="disk"><source file="/old/b"/><target dev="vdb"/></disk>
  </devices></domain>`),
);
const MOVE = { disk: "vda", from: "/old/a", to: "/new/a", format: "qcow2" };

describe("the definition of a guest whose disk was moved", () => {
  it("names the new image and its format, and is the same otherwise", () => {
    const [vda, vdb] = withMovedDisk(definition, MOVE).devices.disks;
    expect(vda === undefined ? undefined : sourcePath(vda)).toBe("/new/a");
    expect(vda?.driver).toMatchObject({ type: "qcow2", cache: "none" });
    expect(vdb).toEqual(definition.devices.disks[1]);
  });

  it("has a file where it had a device, and nothing of the device", () => {
    const [vda] = definition.devices.disks;
    if (vda === undefined) throw new Error("there is no disk");
    const disks = [{ ...vda, type: "block" as const, source: { seclabels: [], dev: "/old/a" } }];
    const before = { ...definition, devices: { ...definition.devices, disks } };
    expect(withMovedDisk(before, MOVE).devices.disks[0]).toMatchObject({
      type: "file",
      source: { seclabels: [], file: "/new/a" },
    });
    expect(withMovedDisk(before, MOVE).devices.disks[0]?.source).not.toHaveProperty("dev");
  });

  it("is left alone where somebody has put another image there", () => {
    expect(withMovedDisk(definition, { ...MOVE, from: "/elsewhere" })).toEqual(definition);
  });
});

describe("the nodes of a disk that was moved", () => {
  it("take turns in their names, and are known as that disk's by both", () => {
    const first = nodesOf("vda", "disk-vda-format");
    const second = { format: "disk-vda-format-2", storage: "disk-vda-storage-2", second: true };
    expect(first.next).toEqual(second);
    expect(withSecondNodes(["vdb"], "vda", first.next.second)).toEqual(["vdb", "vda"]);
    expect(withSecondNodes(["vdb", "vda"], "vda", first.now.second)).toEqual(["vdb"]);
    expect(nodesOf("vda", first.next.format).next).toEqual(first.now);
    expect(targetOfNode(first.next.format)).toBe("vda");
    expect(targetOfNode(first.now.storage)).toBe("vda");
  });
});
