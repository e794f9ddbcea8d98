import { randomUUID } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Scope } from "@virtmesh/kit/scope";
import { ensurePackages, XEN_NEEDS } from "../apt.ts";
import type { Host } from "../hosts.ts";
import { Child, run, type RunResult } from "../process.ts";
import { repositoryRoot } from "../repository.ts";
import { freePort } from "../service.ts";
import { buildXenImage, type XenImage } from "./image.ts";

export interface XenMachineOptions {
  readonly name: string;
  /** Address of this computer at which the machine's ports are reached. */
  readonly address: string;
  /** Ports of the machine, the same ones here. */
  readonly ports: readonly number[];
  /** The network namespace that the machine stands in: all of its ports are free. */
  readonly namespace?: Host | undefined;
  /** Folder for what it needs here. */
  readonly dir: string;
  /** Folders that it sees at the same paths, beside that one and the checkout; it cannot write to them. */
  readonly shared: readonly string[];
  readonly signal: AbortSignal;
  readonly progress?: ((text: string) => void) | undefined;
}

/** Commands before `dom0`: a connection of its own, and the one that all share. */
interface Ways {
  readonly login: readonly string[];
  readonly shared: readonly string[];
}

/** How the machine calls the computer it runs on: QEMU's user-mode network. */
export const OUTSIDE = "10.0.2.2";
/** For every process of a mesh with such machines: on a busy computer one may stand still for longer than agents may usually be silent. */
export const PATIENT_LEASE = ["--lease-ttl", "30s"];
const SSH_PORT = 22;
const BOOT_MS = 240_000;
const MEMORY_MIB = 1408;
/** Node takes a good part of it; the rest is for guests. */
const DOM0_MIB = 704;
const MOUNT = "trans=virtio,version=9p2000.L,ro,cache=loose,msize=512000";

/**
 * A machine with a real Xen, emulated by QEMU, and in its dom0 an SSH server and the folders of this computer that an agent
 * needs. KVM is of no use to it: Xen's first instructions stop there on some computers. Disposing ends it, with every
 * guest in it.
 */
export class XenMachine implements AsyncDisposable {
  /** Its files are at the same paths in dom0. */
  readonly image: XenImage;
  /** What stands in front of a command that is to run in dom0; its words must be free of blanks and of what shells understand. */
  readonly enter: readonly string[];
  readonly #ssh: readonly string[];
  readonly #scope: Scope;

  private constructor(image: XenImage, { login, shared }: Ways, scope: Scope) {
    this.image = image;
    // With a connection and a terminal of its own: it ends when they do.
    this.enter = [...login, "-tt", "dom0", "exec"];
    this.#ssh = shared;
    this.#scope = scope;
  }

  /** Resolves when dom0 takes commands. @throws HOST_SETUP with the last lines of its console */
  static async start(options: XenMachineOptions): Promise<XenMachine> {
    const scope = new Scope();
    try {
      return await boot(options, scope, (image, ways) => new XenMachine(image, ways, scope));
    } catch (e) {
      await scope[Symbol.asyncDispose]();
      throw e;
    }
  }

  /** Runs a command in dom0 to its end. @throws HOST_SETUP when it fails */
  async exec(argv: readonly string[], input?: string): Promise<RunResult> {
    return await run([...this.#ssh, "dom0", argv.map(quoted).join(" ")], {
      ...(input === undefined ? {} : { input: Buffer.from(input) }),
    });
  }

  /** A UNIX socket of this computer can be reached in dom0, at that port of its loopback. @throws HOST_SETUP */
  async bringIn(socket: string, port: number): Promise<void> {
    await run([...this.#ssh, "-O", "forward", "-R", `${port}:${socket}`, "dom0"]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }
}

async function boot<T>(
  options: XenMachineOptions,
  scope: Scope,
  made: (image: XenImage, ways: Ways) => T,
): Promise<T> {
  const { name, address, dir, namespace } = options;
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(BOOT_MS)]);
  await ensurePackages(XEN_NEEDS, options.progress, options.signal);
  const image = await buildXenImage(options.progress, options.signal);
  await mkdir(dir, { recursive: true });
  const sshPort = namespace ? SSH_PORT : await freePort(address);
  const shared = [repositoryRoot(), image.dir, dir, ...options.shared];
  const qemu = scope.own(
    await Child.start([...(namespace?.enter ?? []), ...commandLine(options, image, sshPort, shared)], {
      name: `the Xen host ${name}`,
      logFile: join(dir, "console.log"),
    }),
  );
  await qemu.line(/XEN-HOST-READY/, signal);
  const socket = join(dir, "ssh");
  // One of an earlier machine in the same folder would be taken for ours.
  await rm(socket, { force: true });
  const login = [
    ...[
      "ssh",
      "-F",
      "none",
      "-i",
      image.key,
      "-p",
      String(sshPort),
      "-o",
      "LogLevel=ERROR",
      "-o",
      "IdentitiesOnly=yes",
    ],
    // Its host key is made at its first connection, and nobody else is at this port.
    ...["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"],
    ...["-o", `HostName=${address}`, "-o", "User=root"],
  ];
  // One connection for all commands: greeting each other takes an emulated processor long.
  const master = scope.own(
    await Child.start(
      [
        ...[...login, "-N", "-M", "-S", socket],
        ...["-o", "PermitLocalCommand=yes", "-o", "LocalCommand=echo connected", "dom0"],
      ],
      { name: `the connection to ${name}` },
    ),
  );
  await master.line(/connected/, signal);
  const ssh = ["ssh", "-F", "none", "-S", socket, "-o", "LogLevel=ERROR"];
  const machine = made(image, { login, shared: ssh });
  const mounts = shared.map(
    (path, i) => `mkdir -p ${quoted(path)} && mount -t 9p -o ${MOUNT} share${i} ${quoted(path)}`,
  );
  await run([...ssh, "dom0", mounts.join(" && ")], { signal });
  return machine;
}

function commandLine(
  { address, ports }: XenMachineOptions,
  image: XenImage,
  sshPort: number,
  shared: readonly string[],
): readonly string[] {
  const forwards = [
    `hostfwd=tcp:${address}:${sshPort}-:22`,
    ...ports.map((p) => `hostfwd=tcp:${address}:${p}-:${p}`),
  ];
  const xen = `com1=115200,8n1 console=com1 loglvl=error guest_loglvl=error dom0_mem=${DOM0_MIB}M,max:${DOM0_MIB}M bootscrub=0 spec-ctrl=no xpti=0 dom0_max_vcpus=1`;
  const linux = "console=hvc0 quiet mitigations=off panic=-1";
  return [
    ...[
      "qemu-system-x86_64",
      "-M",
      "q35",
      "-accel",
      "tcg,thread=single",
      "-smp",
      "1",
      "-m",
      String(MEMORY_MIB),
    ],
    // Without smap, by which QEMU faults the first return of dom0's kernel to its programs; and without the wide registers,
    // which now and then reach a program of dom0 broken when they are emulated below Xen.
    ...["-cpu", "max,-smap,-avx,-avx2,-fma,-f16c,-xsave"],
    // Hosts are known apart by it.
    ...["-uuid", randomUUID()],
    ...["-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio"],
    ...["-netdev", ["user", "id=outside", ...forwards].join(","), "-device", "virtio-net-pci,netdev=outside"],
    ...shared.flatMap((path, i) => [
      ...["-fsdev", `local,id=share${i},path=${path},security_model=none,readonly=on`],
      ...["-device", `virtio-9p-pci,fsdev=share${i},mount_tag=share${i}`],
    ]),
    ...["-kernel", image.xen, "-append", xen, "-initrd", `${image.kernel} ${linux},${image.dom0}`],
  ];
}

/** As a shell reads it back as one word. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
