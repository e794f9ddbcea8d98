import {
  MemoryCompression,
  MigrateDomainRequest,
  MigrationMode,
  MigrationStorage,
  MirrorCopyMode,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import { VirtError } from "@virtmesh/core/errors";
import { durationOf } from "../output/units.ts";
import type { Target } from "../target.ts";
import type { Given, VerbOption } from "../verb.ts";

const MIB = 1024 ** 2;

/** The flags of `virsh migrate` that mean something here, and a few more. */
export const MIGRATE_OPTIONS: readonly VerbOption[] = [
  { flags: "--live", help: "the guest runs on meanwhile (the default)" },
  {
    flags: "--offline",
    help: "move a guest that is off: its definition, and its disks where they are copied",
  },
  { flags: "--p2p", help: "the hosts talk to each other (always so)" },
  {
    flags: "--persistent",
    help: "keep a definition on the destination (the default when the source has one)",
  },
  { flags: "--undefinesource", help: "remove the definition from the source (the default when it moves)" },
  { flags: "--keep-source-definition", help: "leave it there" },
  { flags: "--suspend", help: "leave the guest paused on the destination" },
  { flags: "--copy-storage-all", help: "copy the writable disks to new images" },
  { flags: "--copy-storage-synchronous-writes", help: "a write is done when both sides have it" },
  { flags: "--migrate-disks <targets>", help: "copy only these disks: vda,vdb" },
  {
    flags: "--disk-path <target=path>",
    help: "where a copied disk is put; may be repeated",
    repeatable: true,
  },
  { flags: "--bandwidth <MiB/s>", help: "limit for memory, and for each disk" },
  { flags: "--max-downtime <ms>", help: "how long the guest may stand still; 300 unless given" },
  { flags: "--auto-converge", help: "slow the guest's CPUs when its memory changes too fast" },
  { flags: "--parallel", help: "several connections for memory" },
  { flags: "--parallel-connections <number>", help: "how many; 2 unless given" },
  { flags: "--compressed", help: "compress memory (xbzrle unless --comp-methods)" },
  { flags: "--comp-methods <method>", help: "how", choices: ["xbzrle", "zlib", "zstd"] },
  {
    flags: "--postcopy",
    help: "allow `migrate-postcopy`: the guest goes on there before all its memory is there",
  },
  { flags: "--postcopy-after-precopy", help: "switch to post-copy by itself after a pass over memory" },
  { flags: "--postcopy-passes <number>", help: "after so many passes instead" },
  { flags: "--abort-on-error", help: "give up when the guest meets an I/O error" },
  { flags: "--unsafe", help: "accept disks with a host cache that both hosts see" },
  { flags: "--dname <name>", help: "name of the guest on the destination" },
  { flags: "--xml <file>", help: "definition for the destination", completes: "file" },
  { flags: "--timeout <seconds>", help: "give up and stay on the source after this long" },
  { flags: "--priority <number>", help: "when it has to wait for its turn: -10 to 10, 0 unless given" },
  { flags: "--tls", help: "encrypt (the default)" },
  { flags: "--plaintext", help: "do not encrypt; refused unless both agents allow it" },
  { flags: "--check", help: "only list what would be in the way and what would be copied" },
  { flags: "--detach", help: "start it and return at once" },
  { flags: "--verbose", help: "show progress (always so on a terminal)" },
  { flags: "--direct", help: "not offered" },
  { flags: "--tunnelled", help: "not offered" },
  { flags: "--copy-storage-inc", help: "not offered" },
  { flags: "--rdma-pin-all", help: "not offered" },
];

/** Why a flag of virsh is refused: one sentence each. */
const REFUSED: Readonly<Record<string, string>> = {
  direct: "--direct is not offered: the agents of both hosts take part in every migration",
  tunnelled:
    "--tunnelled is not offered: memory and disks flow between the hypervisors, encrypted with --tls",
  copyStorageInc:
    "--copy-storage-inc is not offered: use --copy-storage-all, which leaves out what was never written",
  rdmaPinAll: "--rdma-pin-all is not offered: there is no RDMA transport",
};

/** The request that the flags of `migrate` stand for. `xml` is the text of `--xml`. Throws UNSUPPORTED, INVALID_FIELD. */
export function migrateRequest(
  target: Target,
  destinationUri: string,
  given: Given,
  xml: string,
): MigrateDomainRequest {
  for (const [name, sentence] of Object.entries(REFUSED)) {
    if (given.flag(name)) throw new VirtError("UNSUPPORTED", sentence);
  }
  exclusive(given, "live", "offline");
  exclusive(given, "tls", "plaintext");
  exclusive(given, "undefinesource", "keepSourceDefinition");
  const disks = disksOf(given);
  const copies = given.flag("copyStorageAll") || disks.length > 0;
  const bandwidth = BigInt(Math.round((given.number("bandwidth") ?? 0) * MIB));
  const downtime = given.number("maxDowntime");
  const timeout = given.number("timeout");
  return MigrateDomainRequest.fromPartial({
    ...target,
    requestId: crypto.randomUUID(),
    destinationUri,
    validateOnly: given.flag("check"),
    mode: given.flag("offline") ? MigrationMode.MIGRATION_MODE_OFFLINE : MigrationMode.MIGRATION_MODE_LIVE,
    storage: copies ? MigrationStorage.MIGRATION_STORAGE_COPY : MigrationStorage.MIGRATION_STORAGE_SHARED,
    disks,
    copyMode: given.flag("copyStorageSynchronousWrites")
      ? MirrorCopyMode.MIRROR_COPY_MODE_WRITE_BLOCKING
      : MirrorCopyMode.MIRROR_COPY_MODE_UNSPECIFIED,
    tuning: {
      memoryBandwidthBytesPerSecond: bandwidth,
      diskBandwidthBytesPerSecond: bandwidth,
      maxDowntime: downtime === undefined ? undefined : durationOf(downtime),
    },
    persistDestination: given.flag("persistent") ? true : undefined,
    undefineSource: given.flag("undefinesource")
      ? true
      : given.flag("keepSourceDefinition")
        ? false
        : undefined,
    paused: given.flag("suspend"),
    abortOnIoError: given.flag("abortOnError"),
    unsafe: given.flag("unsafe"),
    destinationName: given.text("dname"),
    destinationXml: xml,
    parallelConnections: connectionsOf(given),
    compression: compressionOf(given),
    autoConverge: given.flag("autoConverge"),
    plaintext: given.flag("plaintext"),
    priority: priorityOf(given),
    postcopy: given.flag("postcopy"),
    postcopyAfterPasses: passesOf(given),
    timeout: timeout === undefined ? undefined : durationOf(timeout * 1000),
  });
}

/** Of `--priority`, which may be negative. */
export function priorityOf(given: Given): number {
  const text = given.text("priority");
  if (!/^(-?\d{1,2})?$/.test(text))
    throw new VirtError("INVALID_FIELD", `--priority must be a whole number from -10 to 10, not "${text}"`);
  return Number(text);
}

function exclusive(given: Given, a: string, b: string): void {
  if (given.flag(a) && given.flag(b))
    throw new VirtError("INVALID_FIELD", `--${dashed(a)} and --${dashed(b)} exclude each other`);
}

function dashed(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function disksOf(given: Given): { target: string; destinationPath: string }[] {
  const paths = new Map<string, string>();
  for (const target of given.text("migrateDisks").split(",")) if (target !== "") paths.set(target, "");
  for (const text of given.texts("diskPath")) {
    const [, target, path] = /^([^=]+)=(.+)$/.exec(text) ?? [];
    if (target === undefined || path === undefined) {
      throw new VirtError(
        "INVALID_FIELD",
        `--disk-path is written vda=/path/of/the/new/image, not "${text}"`,
      );
    }
    paths.set(target, path);
  }
  return [...paths].map(([target, destinationPath]) => ({ target, destinationPath }));
}

function connectionsOf(given: Given): number {
  const number = given.number("parallelConnections");
  if (number !== undefined && (!Number.isInteger(number) || number < 1)) {
    throw new VirtError(
      "INVALID_FIELD",
      `--parallel-connections must be a whole number from 1, not ${number}`,
    );
  }
  return number ?? (given.flag("parallel") ? 2 : 0);
}

function passesOf(given: Given): number {
  const passes = given.number("postcopyPasses");
  if (passes !== undefined && (!Number.isInteger(passes) || passes < 1))
    throw new VirtError("INVALID_FIELD", `--postcopy-passes must be a whole number from 1, not ${passes}`);
  return passes ?? (given.flag("postcopyAfterPrecopy") ? 1 : 0);
}

function compressionOf(given: Given): MemoryCompression {
  const method = given.text("compMethods") || (given.flag("compressed") ? "xbzrle" : "");
  switch (method) {
    case "":
      return MemoryCompression.MEMORY_COMPRESSION_UNSPECIFIED;
    case "xbzrle":
      return MemoryCompression.MEMORY_COMPRESSION_XBZRLE;
    case "zlib":
      return MemoryCompression.MEMORY_COMPRESSION_ZLIB;
    case "zstd":
      return MemoryCompression.MEMORY_COMPRESSION_ZSTD;
    default:
      throw new VirtError("INVALID_FIELD", `--comp-methods is one of xbzrle, zlib and zstd, not "${method}"`);
  }
}
