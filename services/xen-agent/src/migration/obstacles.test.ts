import { sampleOffer } from "@virtmesh/agent/migration/sample-offer";
import type { MigrationPlan } from "@virtmesh/core/driver/migration";
import { completeDomain } from "@virtmesh/documents/domain/complete";
import { parseDomain } from "@virtmesh/documents/domain/document";
import { Guest } from "../guests/guest.ts";
import { BOOTED, type Standing } from "../guests/story.ts";
import { sourceObstacles, wanted, warningsOf } from "./obstacles.ts";

const BLOCK = "<disk type='block'><source dev='/dev/vg/a'/><target dev='xvda'/></disk>";
const FILE = "<disk type='file'><source file='/a.img'/><target dev='xvdb'/></disk>";
const CARD = `<hostdev mode='subsystem' type='pci' managed='yes'>
  <source><address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></source></hostdev>`;

function xml(devices: string, kind = "linux"): string {
  return `<domain type='xen'><name>web</name><uuid>6695eb01-f6a4-8304-79aa-97f2502e193f</uuid><memory unit='MiB'>64</memory>
    <os><type>${kind}</type><kernel>/k</kernel></os><devices>${devices}</devices></domain>`;
}

interface Case {
  readonly devices?: string;
  readonly standing?: Standing | "off";
  readonly kind?: string;
  readonly xen?: string;
}

/** Types and subjects of what is in the way. */
function obstacles(
  change: Partial<MigrationPlan>,
  { devices = BLOCK, standing = BOOTED, kind = "linux", xen = "pv hvm hap shadow" }: Case = {},
): readonly string[] {
  const { definition } = completeDomain(parseDomain(xml(devices, kind)));
  const guest = new Guest(definition);
  if (standing !== "off") {
    guest.run = {
      ...{ id: 1, startTimeMs: 0, etag: "", definition, standing, cards: new Map() },
      ended: Promise.withResolvers(),
    };
  }
  const plan: MigrationPlan = { ...sampleOffer().plan, disks: "shared", ...change };
  return sourceObstacles(plan, guest, wanted(definition, plan), { capabilities: xen.split(" ") }).map(
    ({ type, subject }) => `${type} ${subject}`,
  );
}

const PAUSED = { state: "paused", reason: "user" } as const;

describe("what stands in the way of a guest that is to leave this Xen", () => {
  it.each<[string, readonly string[], Partial<MigrationPlan>, Case]>([
    ["nothing, when it runs from block devices", [], {}, {}],
    ["that it is off", ["NOT_RUNNING web"], {}, { standing: "off" }],
    [
      "nothing, when one that is off moves offline",
      [],
      { mode: "offline" },
      { standing: "off", devices: FILE },
    ],
    ["that it runs and is to move offline", ["RUNNING web"], { mode: "offline" }, {}],
    ["that it is paused", ["PAUSED web"], {}, { standing: PAUSED }],
    ["post-copy", ["NO_POSTCOPY postcopy"], { postcopy: { afterPasses: 0 } }, {}],
    ["disks to copy", ["NO_DISK_COPY web"], { disks: "all" }, {}],
    ["nothing, when there are none to copy", [], { disks: "all" }, { devices: "" }],
    ["a disk that dom0 caches", ["UNSAFE_CACHE xvdb"], {}, { devices: FILE }],
    ["nothing, when that is said to be safe", [], { unsafe: true }, { devices: FILE }],
    ["a Xen without shadow paging", ["NO_SHADOW_PAGING web"], {}, { xen: "pv hvm hap" }],
    [
      "nothing, when what is paravirtualised has a processor's help",
      [],
      {},
      { xen: "pv hvm hap", kind: "xenpvh" },
    ],
    ["nothing, when an older Xen does not say what it has", [], {}, { xen: "hvm" }],
    ["a device of this host", ["HOST_DEVICE hostdev"], {}, { devices: CARD }],
    [
      "other hardware on the destination",
      ["ABI_MISMATCH memory"],
      { destinationXml: xml(BLOCK).replace("64", "96") },
      {},
    ],
    [
      "nothing, when its disk has another path there",
      [],
      { destinationXml: xml(BLOCK.replace("vg", "b")) },
      {},
    ],
    ["nothing, when it has another name there", [], { destinationName: "shop" }, {}],
  ])("%s", (_what, expected, plan, guest) => {
    expect(obstacles(plan, guest)).toEqual(expected);
  });
});

it("a plan is warned of what does not count here", () => {
  const { plan } = sampleOffer();
  expect(warningsOf(plan)).toEqual([]);
  const tuning = { ...plan.tuning, memoryBandwidth: 1n };
  expect(warningsOf({ ...plan, tuning, autoConverge: true })).toEqual([
    "xl sends as fast as it can: limits of bandwidth do not count",
    "xl sends by one connection, uncompressed, and does not slow the guest down",
  ]);
});
