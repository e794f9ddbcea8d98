import { alignedBackup, parseBackup } from "../backup/document.ts";
import { parseCheckpoint, redefinedCheckpoint, requestedCheckpoint } from "../checkpoint/document.ts";
import { refusal } from "../testing/refusal.ts";
import { refuses } from "../testing/refusal-table.ts";
import { parseSnapshot, redefinedSnapshot, requestedSnapshot } from "./document.ts";

const snapshot = (inside: string) => `<domainsnapshot>\n${inside}</domainsnapshot>`;
const disk = (attributes: string, inside = "") =>
  snapshot(`<disks>\n<disk name='vda' ${attributes}>${inside}</disk></disks>`);

describe("a snapshot is refused with", () => {
  refuses(parseSnapshot, [
    [
      "memory in a file that is not external",
      snapshot("<memory snapshot='no' file='/m'/>"),
      `needs snapshot="external"`,
    ],
    ["external memory without a file", snapshot("<memory snapshot='external'/>"), "needs a file"],
    ["memory at a relative path", snapshot("<memory file='m'/>"), "is not absolute"],
    [
      "memory of a guest that is off",
      snapshot("<state>shutoff</state><memory snapshot='internal'/>"),
      "no memory to save",
    ],
    ["an image where none is made", disk("snapshot='no'", "<source file='/a'/>"), "takes no image"],
    ["an image at a relative path", disk("", "<source file='a'/>"), "disk[1]/source (line 3"],
    ["a policy of starting", disk("", "<source file='/a' startupPolicy='optional'/>"), "leave it out"],
    [
      "a label over the network",
      disk("type='network'", "<source protocol='rbd' name='a'><seclabel relabel='no'/></source>"),
      "no label",
    ],
  ]);
});

describe("a snapshot", () => {
  it("that is asked for takes its name from the time, and nothing that only existing ones have", () => {
    const asked = parseSnapshot(snapshot("<state>running</state><parent><name>p</name></parent>"));
    expect(requestedSnapshot(asked, 17)).toEqual({ name: "17", creationTime: 17 });
  });

  it("with an image is external and of a file", () => {
    const asked = parseSnapshot(disk("", "<source file='/a'/>"));
    expect(requestedSnapshot(asked, 17).disks).toMatchObject([{ type: "file", snapshot: "external" }]);
  });

  it("that is made known again needs what only its owner knows", () => {
    const known = "<name>s</name><creationTime>1</creationTime>";
    const error = refusal(() => redefinedSnapshot(parseSnapshot(snapshot(known))));
    expect(error.message).toContain("needs a <state>");
    const off = parseSnapshot(snapshot(`${known}<state>shutoff</state>`));
    expect(redefinedSnapshot(off).memory).toEqual({ snapshot: "no" });
  });
});

describe("a checkpoint", () => {
  const checkpoint = (inside: string) => `<domaincheckpoint>\n${inside}</domaincheckpoint>`;

  it("that is asked for is kept in bitmaps", () => {
    const asked = parseCheckpoint(checkpoint("<disks><disk name='vda' size='7'/></disks>"));
    expect(requestedCheckpoint(asked, 17)).toEqual({
      name: "17",
      creationTime: 17,
      disks: [{ name: "vda", checkpoint: "bitmap" }],
    });
  });

  it("that is made known again needs its time", () => {
    const error = refusal(() => redefinedCheckpoint(parseCheckpoint(checkpoint("<name>c</name>"))));
    expect(error.message).toContain("needs a <creationTime>");
  });

  describe("is refused with", () => {
    refuses(parseCheckpoint, [
      ["a name that is a path", checkpoint("<name>../c</name>"), "/domaincheckpoint/name (line 2"],
      ["a disk without a name", checkpoint("<disks><disk/></disks>"), `no attribute "name"`],
      [
        "a bitmap of nothing",
        checkpoint("<disks><disk name='a' checkpoint='no' bitmap='b'/></disks>"),
        "has no bitmap",
      ],
    ]);
  });
});

describe("a backup", () => {
  const guest = [
    { target: "vda", file: "/a.qcow2", isEmpty: false, readonly: false },
    { target: "sda", isEmpty: true, readonly: true },
  ];

  it("that names no disk is of all that have something to lose, beside their images", () => {
    expect(alignedBackup(parseBackup("<domainbackup/>"), guest, "bak").disks).toMatchObject([
      { name: "vda", backup: true, type: "file", backupMode: "full", target: { file: "/a.qcow2.bak" } },
      { name: "sda", backup: false },
    ]);
  });

  it("since a checkpoint is incremental on every disk that does not say otherwise", () => {
    const xml = `<domainbackup><incremental>c1</incremental><disks><disk name='vda'/></disks></domainbackup>`;
    expect(alignedBackup(parseBackup(xml), guest, "bak").disks).toMatchObject([
      { name: "vda", backupMode: "incremental", incremental: "c1" },
      { name: "sda", backup: false },
    ]);
  });

  it("names only disks that the guest has, and none that is empty", () => {
    const of = (name: string) =>
      parseBackup(`<domainbackup><disks><disk name='${name}'/></disks></domainbackup>`);
    expect(refusal(() => alignedBackup(of("vdz"), guest, "bak")).message).toContain(`no disk "vdz"`);
    expect(refusal(() => alignedBackup(of("sda"), guest, "bak")).message).toContain("sda is empty");
  });

  describe("is refused with", () => {
    refuses(parseBackup, [
      ["nowhere to fetch it", "<domainbackup mode='pull'/>", "needs a <server>"],
      ["no address to listen on", "<domainbackup mode='pull'><server/></domainbackup>", "needs a name"],
      ["no socket", "<domainbackup mode='pull'><server transport='unix'/></domainbackup>", "needs a socket"],
      [
        "a disk twice",
        "<domainbackup><disks><disk name='a'/><disk name='a'/></disks></domainbackup>",
        "disk[2]",
      ],
      [
        "what only a running job has",
        "<domainbackup><disks><disk name='a' state='running'/></disks></domainbackup>",
        `unknown attribute "state"`,
      ],
    ]);
  });
});
