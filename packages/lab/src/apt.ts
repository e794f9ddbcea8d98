import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { VirtError } from "@virtmesh/core/errors";
import { errnoOf } from "./errno.ts";
import { run } from "./process.ts";

/** A Debian package and a file that is there when it is installed: a program (by name) or a path. */
export interface Need {
  readonly package: string;
  readonly file: string;
}

export const NATS_NEEDS: readonly Need[] = [
  { package: "nats-server", file: "nats-server" },
  { package: "openssl", file: "openssl" },
];

export const QEMU_NEEDS: readonly Need[] = [
  { package: "qemu-system-x86", file: "qemu-system-x86_64" },
  { package: "qemu-utils", file: "qemu-img" },
];

/** What building the test guest takes. */
export const GUEST_NEEDS: readonly Need[] = [
  { package: "busybox-static", file: "busybox" },
  { package: "gcc", file: "gcc" },
  { package: "libc6-dev", file: "/usr/include/stdio.h" },
  { package: "xz-utils", file: "xz" },
];

/** What checking the model of migrations takes. */
export const MODEL_NEEDS: readonly Need[] = [
  { package: "spin", file: "spin" },
  { package: "gcc", file: "gcc" },
  { package: "libc6-dev", file: "/usr/include/stdio.h" },
];

/** What storage that hangs when it is told to takes. */
export const HANGING_STORAGE_NEEDS: readonly Need[] = [{ package: "bindfs", file: "bindfs" }];

/** What hosts in network namespaces take. */
export const NAMESPACE_NEEDS: readonly Need[] = [
  { package: "iproute2", file: "ip" },
  { package: "util-linux", file: "nsenter" },
];

/** What containers take: LXC, and a system to run in them. */
export const CONTAINER_NEEDS: readonly Need[] = [
  { package: "lxc", file: "lxc-start" },
  { package: "busybox-static", file: "busybox" },
  ...NAMESPACE_NEEDS,
];

/** What building an emulated machine and running it takes. */
export const MACHINE_NEEDS: readonly Need[] = [
  { package: "qemu-system-x86", file: "qemu-system-x86_64" },
  { package: "openssh-client", file: "ssh" },
  { package: "xz-utils", file: "xz" },
];

/** What the tests of metrics, rules and dashboards take. */
export const MONITORING_NEEDS: readonly Need[] = [
  { package: "prometheus", file: "prometheus" },
  { package: "prometheus", file: "promtool" },
];

/** What scoring against libvirt's own test data takes. */
export const CORPUS_NEEDS: readonly Need[] = [
  { package: "libxml2-utils", file: "xmllint" },
  { package: "xz-utils", file: "xz" },
];

/** What building VMware's simulator and running it takes. */
export const VCSIM_NEEDS: readonly Need[] = [
  { package: "golang-go", file: "go" },
  {
    package: "golang-github-google-uuid-dev",
    file: "/usr/share/gocode/src/github.com/google/uuid/uuid.go",
  },
  { package: "dpkg-dev", file: "dpkg-source" },
  { package: "xz-utils", file: "xz" },
  { package: "openssl", file: "openssl" },
];

/** Clients of WinRM and NTLM that others wrote, for the Hyper-V simulator. */
export const HYPERV_PEER_NEEDS: readonly Need[] = [
  { package: "gss-ntlmssp", file: "/usr/lib/x86_64-linux-gnu/gssntlmssp/gssntlmssp.so" },
  { package: "python3-gssapi", file: "/usr/lib/python3/dist-packages/gssapi" },
  { package: "python3-winrm", file: "/usr/lib/python3/dist-packages/winrm" },
];

/** What starting guests of every kind takes, in namespaces of their own. */
export const ACCEPTS_NEEDS: readonly Need[] = [
  ...QEMU_NEEDS,
  ...NAMESPACE_NEEDS,
  { package: "qemu-block-extra", file: "/usr/lib/x86_64-linux-gnu/qemu/block-rbd.so" },
  { package: "ovmf", file: "/usr/share/OVMF/OVMF_CODE_4M.fd" },
];

/** What it takes to let libvirt do the same. */
export const LIBVIRT_ACCEPTS_NEEDS: readonly Need[] = [
  { package: "libvirt-daemon-system", file: "/etc/libvirt/qemu.conf" },
  {
    package: "libvirt-daemon-driver-qemu",
    file: "/usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_qemu.so",
  },
  { package: "libvirt-clients", file: "virsh" },
];

export const DEMO_NEEDS: readonly Need[] = [...NATS_NEEDS, ...QEMU_NEEDS, ...GUEST_NEEDS];

const SYSTEM_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** Where a program is, on PATH or in the system's folders, which PATH of an ordinary user leaves out. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...SYSTEM_FOLDERS];
  return folders.map((dir) => join(dir, name)).find(isExecutable);
}

/** Lets this process and its children find programs there: nats-server is in /usr/sbin, which users have not in PATH. */
export function addSystemFolders(): void {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const more = SYSTEM_FOLDERS.filter((folder) => !folders.includes(folder));
  process.env["PATH"] = [...folders, ...more].join(delimiter);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch (e) {
    if (errnoOf(e) !== undefined) return false;
    throw e;
  }
}

/** The packages of these needs that are not there, each once. */
export function missingPackages(needs: readonly Need[]): readonly string[] {
  const missing = needs.filter((need) =>
    need.file.startsWith("/") ? !existsSync(need.file) : findProgram(need.file) === undefined,
  );
  return [...new Set(missing.map((need) => need.package))];
}

/** How this process may install packages: the words before `apt-get`, or undefined when it may not. */
async function elevation(): Promise<readonly string[] | undefined> {
  if (findProgram("apt-get") === undefined) return undefined;
  if (process.getuid?.() === 0) return [];
  if (findProgram("sudo") === undefined) return undefined;
  try {
    await run(["sudo", "-n", "true"]);
    return ["sudo", "-n"];
  } catch (e) {
    // A sudo that asks for a password can ask only at a terminal.
    if (process.stdin.isTTY) return ["sudo"];
    if (VirtError.is(e)) return undefined;
    throw e;
  }
}

/**
 * Installs what is missing with apt-get, as root or through sudo. Where that cannot be, HOST_SETUP names what
 * to install. `progress` hears what happens, one sentence at a time.
 */
export async function ensurePackages(
  needs: readonly Need[],
  progress: (text: string) => void = () => undefined,
  signal?: AbortSignal,
): Promise<void> {
  addSystemFolders();
  const missing = missingPackages(needs);
  if (missing.length === 0) return;
  const prefix = await elevation();
  if (prefix === undefined) throw new VirtError("HOST_SETUP", adviceFor(missing));
  progress(`Installing ${missing.join(", ")} with apt-get`);
  const apt = [...prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y"];
  const options = signal === undefined ? {} : { signal };
  const install = [...apt, "install", "--no-install-recommends", ...missing];
  try {
    await run(install, options);
  } catch (e) {
    if (!VirtError.is(e) || signal?.aborted === true) throw e;
    // A new machine has no package lists, an old one lists of packages that are gone.
    progress("Reading the package lists with apt-get update");
    await run([...apt, "update"], options);
    await run(install, options);
  }
  const still = missingPackages(needs);
  if (still.length > 0) throw new VirtError("HOST_SETUP", adviceFor(still));
}

function adviceFor(packages: readonly string[]): string {
  if (findProgram("apt-get") !== undefined) {
    return `${packages.join(", ")} must be installed first: as root, apt-get install ${packages.join(" ")}`;
  }
  return (
    `this machine lacks ${packages.join(", ")} (names as in Debian) and has no apt-get; ` +
    "install them with its own package manager, or use Debian 12 or newer"
  );
}
