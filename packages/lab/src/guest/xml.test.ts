import { testGuestCommandLine, testGuestXml } from "./xml.ts";

const image = { kernel: "/cache/vmlinux", initrd: "/cache/initrd.gz" };

describe("the XML of a test guest", () => {
  it("tells the worker what to do on the kernel command line", () => {
    expect(
      testGuestCommandLine({
        heartbeat: { socket: "/run/hb.sock" },
        writers: [{ disk: "vda" }, { disk: "vdb", blockBytes: 4096, periodUs: 100, spanBytes: 1048576 }],
        memoryCounter: { mib: 16, periodUs: 500 },
        words: ["guest.deaf"],
      }),
    ).toBe(
      "console=ttyS0 quiet guest.heartbeat=5000 guest.write=vda:65536:5000 guest.write=vdb:4096:100:1048576 guest.memory=16:500 guest.deaf",
    );
  });

  it("names the disks in the order they are given", () => {
    const xml = testGuestXml({
      name: "web",
      image,
      disks: [{ path: "/d/a.raw" }, { path: "/d/b.qcow2", format: "qcow2" }],
    });
    expect(xml).toMatch(/type="raw"[^]*a\.raw[^]*vda[^]*type="qcow2"[^]*b\.qcow2[^]*vdb/);
  });

  it("escapes what would end an attribute", () => {
    expect(testGuestXml({ name: 'a<b>&"c"', image })).toContain("<name>a&#60;b&#62;&#38;&#34;c&#34;</name>");
  });
});
