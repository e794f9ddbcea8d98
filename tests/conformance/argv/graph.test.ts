import { compareGraphs } from "./compare.ts";
import { readCommand } from "./command-line.ts";
import { graphOf } from "./graph.ts";

const HOST = {
  machine: (name: string) => (name === "pc" ? "pc-i440fx-8.0" : name),
  handed: new Set<string>(),
};
const graph = (text: string) => graphOf(readCommand(`qemu ${text}`).args, HOST);
const kinds = (expected: string, built: string) =>
  compareGraphs(graph(expected), graph(built)).map(({ kind }) => kind);

describe("a recorded command", () => {
  it("is read as a shell reads it", () => {
    const text = `A=b C='d e' \\\n/usr/bin/qemu \\\n-name 'guest=a b,,c' -append "x \\"y\\""`;
    expect(readCommand(text)).toEqual({
      environment: { A: "b", C: "d e" },
      binary: "/usr/bin/qemu",
      args: ["-name", "guest=a b,,c", "-append", 'x "y"'],
    });
  });
});

describe("two command lines mean the same", () => {
  it.each([
    [
      "whatever ids and nodes are called",
      `-blockdev '{"driver":"file","filename":"/a","node-name":"n1"}' -device '{"driver":"virtio-blk-pci","drive":"n1","id":"d1","bus":"pci.0","addr":"0x4"}'`,
      `-blockdev '{"driver":"file","filename":"/a","node-name":"x"}' -device '{"driver":"virtio-blk-pci","drive":"x","id":"y","bus":"pci.0","addr":"0x4"}'`,
    ],
    [
      "in JSON and in the older words",
      `-device '{"driver":"virtio-net-pci","netdev":"n","mq":true,"bus":"pci.0","addr":"0x3.0x1"}' -netdev '{"type":"user","id":"n"}'`,
      "-netdev user,id=n -device virtio-net-pci,netdev=n,mq=on,bus=pci.0,addr=3.1",
    ],
    [
      "in any order of backends",
      "-object rng-builtin,id=r -chardev null,id=c -device isa-serial,chardev=c",
      "-chardev null,id=k -object rng-builtin,id=q -device isa-serial,chardev=k",
    ],
    ["with defaults spelled out", "-smp 2 -m 512", "-smp 2,sockets=1,cores=1,threads=1 -m size=524288k"],
    ["by the alias of a machine", "-machine pc,accel=tcg,usb=off", "-machine pc-i440fx-8.0,accel=tcg"],
    ["without ACPI, old and new", "-machine pc -no-acpi", "-machine pc,acpi=off"],
    [
      "with memory that QEMU makes anyway",
      `-machine pc,memory-backend=pc.ram -m 1 -object '{"qom-type":"memory-backend-ram","id":"pc.ram","size":1048576}'`,
      "-machine pc -m 1",
    ],
    [
      "with a descriptor in place of a path",
      "-chardev socket,id=c,fd=9,server=on -device isa-serial,chardev=c",
      "-chardev socket,id=c,path=/s,server=on -device isa-serial,chardev=c",
    ],
    [
      "by the aliases of devices",
      "-device lsi,id=s,bus=pci.0,addr=2",
      "-device lsi53c895a,id=t,bus=pci.0,addr=2",
    ],
  ])("%s", (_, expected, built) => {
    expect(kinds(expected, built)).toEqual([]);
  });
});

describe("a difference is named by its kind", () => {
  it.each([
    [
      "-device virtio-blk-pci,bus=pci.0,addr=4,num-queues=2",
      "-device virtio-blk-pci,bus=pci.0,addr=4",
      ["device virtio-blk-pci: property num-queues missing"],
    ],
    ["-device pvpanic", "", ["device pvpanic: missing"]],
    ["", "-device pvpanic", ["device pvpanic: not expected"]],
    ["-cpu qemu64", "-cpu max", ["cpu: property model differs"]],
    [
      "-device pcie-root-port,id=p,bus=pcie.0,addr=2 -device e1000e,bus=p,addr=0",
      "-device pcie-root-port,id=q,bus=pcie.0,addr=3 -device e1000e,bus=q,addr=0",
      ["device pcie-root-port: property addr differs", "device e1000e: property bus differs"],
    ],
    [
      "-object iothread,id=a -object iothread,id=b -device virtio-blk-pci,bus=pci.0,addr=4,iothread=a",
      "-object iothread,id=a -object iothread,id=b -device virtio-blk-pci,bus=pci.0,addr=4,iothread=b",
      ["device virtio-blk-pci: property iothread differs"],
    ],
  ])("%s against %s", (expected, built, found) => {
    expect(kinds(expected, built)).toEqual(found);
  });
});
