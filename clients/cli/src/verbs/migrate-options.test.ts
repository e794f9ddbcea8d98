import {
  MemoryCompression,
  MigrationMode,
  MigrationStorage,
  MirrorCopyMode,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import { parseCommandLine } from "../program.ts";
import { VERBS } from "./all.ts";
import { migrateRequest } from "./migrate-options.ts";

const TARGET = { uri: "qemu://host-a/system", domain: "web-1" };
const silent = { write: () => true };

function requestOf(...flags: string[]) {
  const words = ["migrate", "web-1", "qemu://host-b/system", ...flags];
  const { given } = parseCommandLine(VERBS, words, { stdout: silent, stderr: silent });
  return migrateRequest(TARGET, given.arg(1), given, "");
}

describe("the flags of migrate", () => {
  it("mean a live migration with shared disks when there are none", () => {
    const request = requestOf();
    expect(request).toMatchObject({
      ...TARGET,
      destinationUri: "qemu://host-b/system",
      validateOnly: false,
      mode: MigrationMode.MIGRATION_MODE_LIVE,
      storage: MigrationStorage.MIGRATION_STORAGE_SHARED,
      disks: [],
      parallelConnections: 0,
      plaintext: false,
      timeout: undefined,
    });
    expect(request.persistDestination).toBeUndefined();
    expect(request.undefineSource).toBeUndefined();
    expect(request.requestId).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("are those of virsh", () => {
    const request = requestOf(
      ...["--live", "--p2p", "--persistent", "--undefinesource", "--suspend", "--copy-storage-all"],
      ...[
        "--copy-storage-synchronous-writes",
        "--bandwidth",
        "10",
        "--auto-converge",
        "--parallel",
        "--compressed",
      ],
      ...[
        "--comp-methods",
        "zstd",
        "--abort-on-error",
        "--unsafe",
        "--dname",
        "web-2",
        "--timeout",
        "60",
        "--plaintext",
      ],
    );
    expect(request).toMatchObject({
      storage: MigrationStorage.MIGRATION_STORAGE_COPY,
      copyMode: MirrorCopyMode.MIRROR_COPY_MODE_WRITE_BLOCKING,
      persistDestination: true,
      undefineSource: true,
      paused: true,
      tuning: { memoryBandwidthBytesPerSecond: 10_485_760n, diskBandwidthBytesPerSecond: 10_485_760n },
      parallelConnections: 2,
      compression: MemoryCompression.MEMORY_COMPRESSION_ZSTD,
      abortOnIoError: true,
      autoConverge: true,
      unsafe: true,
      destinationName: "web-2",
      plaintext: true,
      timeout: { seconds: 60n, nanos: 0 },
    });
  });

  it("choose disks and where they are put", () => {
    const request = requestOf("--migrate-disks", "vda,vdb", "--disk-path", "vdb=/images/b.qcow2");
    expect(request.storage).toBe(MigrationStorage.MIGRATION_STORAGE_COPY);
    expect(request.disks).toMatchObject([
      { target: "vda", destinationPath: "" },
      { target: "vdb", destinationPath: "/images/b.qcow2" },
    ]);
  });

  it("refuse what is not offered, and say what to use", () => {
    expect(() => requestOf("--tunnelled")).toThrow("flow between the hypervisors, encrypted");
    expect(() => requestOf("--copy-storage-inc")).toThrow("use --copy-storage-all");
  });

  it.each([
    [["--postcopy"], { postcopy: true, postcopyAfterPasses: 0 }],
    [["--postcopy-after-precopy"], { postcopyAfterPasses: 1 }],
    [["--postcopy-passes", "3"], { postcopyAfterPasses: 3 }],
  ])("say when a switch to post-copy may come: %j", (flags, fields) => {
    expect(requestOf(...flags)).toMatchObject(fields);
  });

  it("refuse contradictions and numbers that are none", () => {
    expect(() => requestOf("--live", "--offline")).toThrow("--live and --offline exclude each other");
    expect(() => requestOf("--bandwidth", "fast")).toThrow(
      '--bandwidth must be a number that is not negative, not "fast"',
    );
    expect(() => requestOf("--disk-path", "vda")).toThrow("--disk-path is written vda=");
    expect(() => requestOf("--parallel-connections", "1.5")).toThrow("must be a whole number from 1");
  });
});
