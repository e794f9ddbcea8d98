import { VirtError } from "@virtmesh/core/errors";
import type { Filesystem } from "@virtmesh/documents/domain/devices/filesystem";
import type { Tpm } from "@virtmesh/documents/domain/devices/tpm";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { virtiofsSocket } from "../cmdline/filesystems.ts";
import { tpmSocket } from "../cmdline/tpms.ts";

/** A program that plays a part of a guest's hardware beside QEMU. It ends by itself when QEMU lets go of its socket. */
export interface Helper {
  /** What it is for, in messages. */
  readonly purpose: string;
  /** Where the program may be; the first that is there is taken. */
  readonly programs: readonly string[];
  /** The Debian package that has it. */
  readonly package: string;
  /** Its arguments; it finds the socket on which it is to listen as descriptor 3. */
  readonly args: readonly string[];
  /** Where QEMU connects to. */
  readonly socket: string;
  /** Directories that must be there before it starts. */
  readonly directories: readonly string[];
}

export interface HelperPlaces {
  /** Of the running guest. */
  readonly directory: string;
  /** Where the state of TPMs is kept. */
  readonly tpmDir: string;
}

const LISTENING_FD = 3;

/** Every helper that a guest needs. @throws CONFIG_UNSUPPORTED for what a helper cannot do */
export function helpersOf(definition: IdentifiedDomain, places: HelperPlaces): readonly Helper[] {
  const { filesystems, tpms } = definition.devices;
  return [
    ...filesystems.flatMap((fs, i) => (needsDaemon(fs) ? [virtiofsd(definition, fs, i, places)] : [])),
    ...tpms.flatMap((tpm, i) => (tpm.backend.type === "emulator" ? [swtpm(definition, tpm, i, places)] : [])),
  ];
}

type Mount = Extract<Filesystem, { readonly type: "mount" }>;

/** Whether the agent starts the daemon, as opposed to somebody who says where it listens. */
function needsDaemon(fs: Filesystem): fs is Mount {
  return fs.type === "mount" && fs.driver?.type === "virtiofs" && fs.source?.socket === undefined;
}

function virtiofsd(
  definition: IdentifiedDomain,
  fs: Mount,
  index: number,
  { directory }: HelperPlaces,
): Helper {
  const place = `devices/filesystem[${index + 1}]`;
  const dir = fs.source?.dir;
  if (dir === undefined || dir.includes(","))
    throw refusal(`${place}/source/@dir`, "virtiofsd needs a directory whose path has no comma");
  if (!isShared(definition))
    throw refusal(
      place,
      "virtiofsd works in the guest's memory, which must be shared: <memoryBacking> with <access mode='shared'/>",
    );
  const { binary } = fs;
  const onOff = (name: string, value: boolean | undefined) =>
    value === undefined ? [] : [`${value ? "" : "no_"}${name}`];
  const options = [
    `source=${dir}`,
    ...(binary?.cache === undefined ? [] : [`cache=${binary.cache}`]),
    ...(binary?.sandbox === undefined ? [] : [`sandbox=${binary.sandbox}`]),
    ...onOff("xattr", binary?.xattr),
    ...onOff("flock", binary?.lock?.flock),
    ...onOff("posix_lock", binary?.lock?.posix),
  ];
  return {
    purpose: `directory ${dir}`,
    programs:
      binary?.path === undefined ? ["/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd"] : [binary.path],
    package: "qemu-system-common",
    args: [
      `--fd=${LISTENING_FD}`,
      "-o",
      options.join(","),
      ...(binary?.threadPool === undefined ? [] : [`--thread-pool-size=${binary.threadPool}`]),
      ...(binary?.openfiles === undefined ? [] : [`--rlimit-nofile=${binary.openfiles}`]),
    ],
    socket: virtiofsSocket(directory, fs.alias ?? `fs${index}`),
    directories: [],
  };
}

/** Whether other processes of the host see all of the guest's memory. */
function isShared({ memoryBacking, cpu }: IdentifiedDomain): boolean {
  if (memoryBacking?.access === "shared") return true;
  const cells = cpu?.numa?.cells ?? [];
  return cells.length > 0 && cells.every((cell) => cell.memAccess === "shared");
}

function swtpm(
  definition: IdentifiedDomain,
  tpm: Tpm,
  index: number,
  { directory, tpmDir }: HelperPlaces,
): Helper {
  const { backend } = tpm;
  if (backend.type !== "emulator") throw new VirtError("INTERNAL", "only an emulator needs swtpm");
  const place = `devices/tpm[${index + 1}]/backend`;
  if (backend.encryption !== undefined)
    throw refusal(
      `${place}/encryption`,
      "the state of a TPM is not encrypted: the agent keeps no secrets yet",
    );
  if (backend.source?.type === "file")
    throw refusal(`${place}/source`, "the state of a TPM is a directory, not a file");
  if (backend.activePcrBanks !== undefined || backend.profile !== undefined)
    throw refusal(place, "banks and profiles of a TPM are not chosen by this agent; leave them to swtpm");
  const version = backend.version ?? "2.0";
  const state = backend.source?.path ?? `${tpmDir}/${definition.uuid}/tpm${version}`;
  return {
    purpose: "TPM",
    programs: ["/usr/bin/swtpm"],
    package: "swtpm",
    args: [
      "socket",
      "--ctrl",
      `type=unixio,fd=${LISTENING_FD}`,
      "--tpmstate",
      `dir=${state},mode=0600`,
      "--terminate",
      ...(version === "2.0" ? ["--tpm2"] : []),
    ],
    socket: tpmSocket(directory, tpm.alias ?? `tpm${index}`),
    directories: [state],
  };
}

function refusal(path: string, what: string): VirtError {
  const place = `/domain/${path}`;
  return new VirtError("CONFIG_UNSUPPORTED", `${what} (${place})`, {
    metadata: { path: place },
    violations: [{ field: place, description: what }],
  });
}
