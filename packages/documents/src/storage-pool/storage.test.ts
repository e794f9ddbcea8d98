import {
  completeStorageVolume,
  formatStorageVolume,
  parseStorageVolume,
} from "../storage-volume/document.ts";
import { refuses } from "../testing/refusal-table.ts";
import { completeStoragePool, parseStoragePool } from "./document.ts";

const pool = (type: string, source: string, target = "<target><path>/p</path></target>", name = "p") =>
  `<pool type='${type}'>\n<name>${name}</name>\n<source>${source}</source>\n${target}</pool>`;

describe("a storage pool is refused with", () => {
  refuses(parseStoragePool, [
    ["a name that is a path", pool("dir", "", undefined, "a/b"), "has a slash at /pool/name (line 2"],
    ["no place", pool("dir", "", ""), "needs a <target> with a <path>"],
    ["no device", pool("fs", ""), "needs a <device"],
    ["no server", pool("netfs", "<dir path='/d'/>"), "needs a <host"],
    ["no exported folder", pool("netfs", "<host name='h'/>"), "needs a <dir"],
    [
      "no initiator",
      pool("iscsi-direct", "<host name='h'/><device path='iqn.2010-01.a:b'/>", ""),
      "<initiator>",
    ],
    ["no pool of Ceph", pool("rbd", "<host name='h'/>", ""), "needs a <name>"],
    [
      "a version of CIFS",
      pool("netfs", "<host name='h'/><dir path='/d'/><format type='cifs'/><protocol ver='3'/>"),
      "only NFS has a version",
    ],
    ["an adapter that nothing names", pool("scsi", "<adapter type='scsi_host'/>"), "one of both"],
    [
      "half a parent",
      pool(
        "scsi",
        "<adapter type='fc_host' parent_wwnn='20000000c9831b4b' wwnn='20000000c9831b4b' wwpn='10000000c9831b4b'/>",
      ),
      "belong together",
    ],
    ["something of another type", pool("dir", "<host name='h'/>"), "unknown element <host>"],
    ["a type that nobody knows", pool("tape", ""), "it must be one of dir, fs"],
  ]);
});

describe("a complete storage pool", () => {
  it.each([
    ["logical", "/dev/vg0"],
    ["zfs", "/dev/zvol/vg0"],
  ])("of type %s is named as its source and lies at %s", (type, path) => {
    const xml = `<pool type='${type}'><source><name>vg0</name></source></pool>`;
    expect(completeStoragePool(parseStoragePool(xml))).toMatchObject({ name: "vg0", target: { path } });
  });

  it("has a clean path, and no permissions that say nothing", () => {
    const target =
      "<target><path>//srv///pool/</path><permissions><owner>-1</owner><group>4294967295</group></permissions></target>";
    const { target: complete } = completeStoragePool(parseStoragePool(pool("dir", "", target))) as {
      target?: object;
    };
    expect(complete).toEqual({ path: "//srv/pool" });
  });
});

describe("a volume", () => {
  const volume = (inside: string) => parseStorageVolume(`<volume><name>v</name>${inside}</volume>`);

  it("takes its format from the pool when it names none", () => {
    expect(completeStorageVolume(volume(""), "dir").target?.format).toBe("raw");
    expect(completeStorageVolume(volume(""), "disk").target?.format).toBe("none");
    expect(completeStorageVolume(volume(""), "logical").target).toEqual({});
  });

  it("is allocated whole unless it says otherwise, in bytes", () => {
    const whole = completeStorageVolume(volume("<capacity unit='G'>5</capacity>"), "dir");
    expect([whole.capacity, whole.allocation]).toEqual([5n * 1024n ** 3n, 5n * 1024n ** 3n]);
    expect(formatStorageVolume(whole)).toContain("<capacity unit='bytes'>5368709120</capacity>");
  });

  it("with features of qcow2 is of the version that has them", () => {
    const features = volume("<target><features><lazy_refcounts/></features></target>");
    expect(completeStorageVolume(features, "dir").target?.compat).toBe("1.1");
  });

  describe("is refused with", () => {
    refuses(parseStorageVolume, [
      ["a name that is a path", "<volume><name>../v</name></volume>", "is a path at /volume/name (line 1"],
      [
        "a unit that nobody knows",
        "<volume><name>v</name><capacity unit='furlong'>1</capacity></volume>",
        "KiB",
      ],
      [
        "a mode that is not octal",
        "<volume><name>v</name><target><permissions><mode>999</mode></permissions></target></volume>",
        "octal",
      ],
    ]);
  });
});
