import { needsOf } from "./needs.ts";

const needs = needsOf(`<domain type='qemu'>
  <os><kernel>/boot/k</kernel><loader type='pflash'>/fw/code.fd</loader><nvram template='/fw/vars.fd'>/nv/g.fd</nvram></os>
  <devices>
    <disk type='file'><driver type='qcow2'/><source file='/i/top'/>
      <backingStore type='block'><format type='raw'/><source dev='/dev/vg/base'/><backingStore/></backingStore>
    </disk>
    <disk type='network'><source protocol='rbd' name='p/i'/><auth><secret type='ceph' usage='u'/></auth></disk>
    <filesystem><source dir='/shared'/></filesystem>
    <interface type='bridge'><source bridge='br7'/></interface>
    <interface type='direct'><source dev='eth9'/></interface>
    <serial type='unix'><source mode='connect' path='/s/one'/></serial>
    <serial type='unix'><source mode='bind' path='/b/two'/></serial>
    <serial type='tcp'><source mode='connect' host='127.0.0.1' service='9'/></serial>
    <input type='passthrough'><source evdev='/dev/input/event1'/></input>
  </devices>
</domain>`);

describe("what a definition expects of its host", () => {
  it("is files of their kinds", () => {
    expect([...needs.files]).toEqual([
      ["/boot/k", "kernel"],
      ["/fw/code.fd", "flash"],
      ["/fw/vars.fd", "flash"],
      ["/nv/g.fd", "flash"],
      ["/i/top", { image: "qcow2" }],
    ]);
  });

  it("is devices, directories and who listens", () => {
    expect([...needs.blocks]).toEqual([["/dev/vg/base", "raw"]]);
    expect([...needs.directories]).toEqual(["/shared", "/s", "/b"]);
    expect([...needs.sockets]).toEqual(["/s/one"]);
    expect([...needs.ports]).toEqual(["127.0.0.1:9"]);
  });

  it("is networks and secrets", () => {
    expect([...needs.bridges, ...needs.links]).toEqual(["br7", "eth9"]);
    expect(needs.secrets).toEqual([{ usage: { type: "ceph", name: "u" } }]);
  });
});
