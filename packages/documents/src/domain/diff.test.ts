import { minimal, WORKSTATION } from "../testing/domains.ts";
import { diffDomains } from "./diff.ts";
import { formatDomain, parseDomain } from "./document.ts";
import { completeQemuDomain } from "./semantics/qemu/complete.ts";
import { latestQemu } from "./semantics/qemu/traits.ts";

const disk = (name: string, bus: string, file: string, device = "disk") =>
  `<disk type='file' device='${device}'><source file='${file}'/><target dev='${name}' bus='${bus}'/></disk>`;
const between = (from: string, to: string) =>
  diffDomains(parseDomain(minimal("", from)), parseDomain(minimal("", to))).map(
    ({ kind, path, when }) => `${kind} ${path} ${when}`,
  );

describe("what a definition changes", () => {
  it("is nothing when it is the same", () => {
    const definition = parseDomain(WORKSTATION);
    expect(diffDomains(definition, definition)).toEqual([]);
    expect(
      diffDomains(definition, parseDomain(formatDomain(definition, { inactive: true, secure: true }))),
    ).toEqual([]);
  });

  it.each([
    ["a virtio disk more", "", disk("vdb", "virtio", "/b"), "added devices/disk[vdb] now"],
    ["a SATA disk more", "", disk("sdb", "sata", "/b"), "added devices/disk[sdb] next start"],
    ["a virtio disk less", disk("vdb", "virtio", "/b"), "", "removed devices/disk[vdb] now"],
    [
      "another image",
      disk("vdb", "virtio", "/b"),
      disk("vdb", "virtio", "/c"),
      "changed devices/disk[vdb]/source/file next start",
    ],
    [
      "another CD",
      disk("sdb", "sata", "/b", "cdrom"),
      disk("sdb", "sata", "/c", "cdrom"),
      "changed devices/disk[sdb]/source/file now",
    ],
    [
      "another period",
      "<memballoon model='virtio'><stats period='1'/></memballoon>",
      "<memballoon model='virtio'><stats period='2'/></memballoon>",
      "changed devices/memballoon[1]/stats now",
    ],
    ["a screen more", "", "<video><model type='vga'/></video>", "added devices/video[1] next start"],
    [
      "a device less, of several that are nearly alike",
      "<rng model='virtio'><backend model='random'>/a</backend></rng><rng model='virtio'><backend model='random'>/b</backend></rng>",
      "<rng model='virtio'><backend model='random'>/b</backend></rng>",
      "removed devices/rng[1] now",
    ],
  ])("is told for %s", (_, from, to, expected) => {
    expect(between(from, to)).toEqual([expected]);
  });

  it("names both values, and when they count", () => {
    const [a, b] = [minimal(), minimal("<title>new</title>").replace("'MiB'>64", "'MiB'>128")].map(
      parseDomain,
    );
    if (a === undefined || b === undefined) throw new Error("two definitions");
    expect(diffDomains(a, b)).toEqual([
      { kind: "changed", path: "memory/bytes", from: "67108864", to: "134217728", when: "next start" },
      { kind: "added", path: "title", from: "", to: "new", when: "now" },
    ]);
  });

  it("does not include what a document leaves open and a hypervisor fills in", () => {
    const given = parseDomain(minimal("", disk("vda", "virtio", "/a")));
    const complete = completeQemuDomain(given, { traits: latestQemu("x86_64"), newDomain: true });
    expect(diffDomains(complete, given).length).toBeGreaterThan(0);
    expect(diffDomains(complete, given, { leavesOpen: true })).toEqual([]);
  });
});
