import { parseInfo } from "./info.ts";
import { parseListing } from "./listing.ts";
import { parseTopRow } from "./top.ts";
import { reasonIn } from "./xl.ts";

const LISTING = `Name                                        ID   Mem VCPUs	State	Time(s)   UUID                            Reason-Code	Security Label
Domain-0                                     0   640     1     r-----     134.7 00000000-0000-0000-0000-000000000000        -                -
pv1                                          1    96     2     --p---       0.5 11111111-2222-3333-4444-555555555501        -                -
my guest                                    12   128     1     ---s--       5.6 11111111-2222-3333-4444-555555555502        1                -
gone                                        13     0     1     ---s-d       9.0 11111111-2222-3333-4444-555555555503        3                -
`;

describe("what xl lists", () => {
  it("is every domain with its state and why it ended", () => {
    expect(parseListing(LISTING)).toEqual([
      expect.objectContaining({ name: "Domain-0", id: 0, paused: false, shutdown: undefined }),
      {
        ...{ name: "pv1", id: 1, uuid: "11111111-2222-3333-4444-555555555501", memoryMiB: 96, vcpus: 2 },
        ...{ paused: true, dying: false, shutdown: undefined, cpuSeconds: 0.5 },
      },
      expect.objectContaining({ name: "my guest", id: 12, shutdown: "reboot", dying: false }),
      expect.objectContaining({ name: "gone", shutdown: "crash", dying: true }),
    ]);
  });

  it("is a host's versions and memory", () => {
    const text =
      "nr_cpus                : 1\nnr_nodes               : 2\ntotal_memory           : 1279\nfree_memory            : 526\nvirt_caps              : pv hvm\nxen_version            : 4.17.5\nxen_caps               : xen-3.0-x86_64 hvm-3.0-x86_32 \n";
    expect(parseInfo(text)).toEqual({
      ...{
        version: "4.17.5",
        cpus: 1,
        nodes: 2,
        totalMemoryMiB: 1279,
        freeMemoryMiB: 526,
        capabilities: ["pv", "hvm"],
      },
      guestTypes: ["xen-3.0-x86_64", "hvm-3.0-x86_32"],
    });
  });

  it("is what xentop counts, whatever a domain is called", () => {
    const heading =
      "      NAME  STATE   CPU(sec) CPU(%)     MEM(k) MEM(%)  MAXMEM(k) MAXMEM(%) VCPUS NETS NETTX(k) NETRX(k)";
    expect(parseTopRow(heading)).toBeUndefined();
    expect(
      parseTopRow("  my guest --b---          5    0.0      98304    7.5      99328       7.6     2    0"),
    ).toEqual({ name: "my guest", cpuSeconds: 5, memoryKiB: 98304 });
  });
});

describe("what xl says was wrong", () => {
  it("is the first error of its library, without its place in the source", () => {
    const text =
      'Parsing config from /run/g.cfg\nlibxl: error: libxl_dom.c:382:libxl__build_pre: Domain 3:Failed to find "/k"\nlibxl: error: libxl_create.c:1709:domcreate_rebuild_done: Domain 3:cannot (re-)build domain: -3\n';
    expect(reasonIn(text)).toBe('Failed to find "/k"');
  });

  it("is its own last line where the library was not asked", () => {
    expect(reasonIn("web is an invalid domain identifier (rc=-6)\n")).toBe(
      "web is an invalid domain identifier (rc=-6)",
    );
    expect(reasonIn("Parsing config from g.cfg\n")).toBe("");
  });
});
