import { randomUUID } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Scope } from "@virtmesh/kit/scope";
import { ensurePackages, MACHINE_NEEDS } from "../apt.ts";
import type { Host } from "../hosts.ts";
import { Child, run, type RunResult } from "../process.ts";
import { repositoryRoot } from "../repository.ts";
import { freePort } from "../service.ts";
import { buildMachine, type MachineImage, type MachineProfile } from "./image.ts";

export interface MachineOptions {
  readonly profile: MachineProfile;
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
  /** Raw images that are its disks, /dev/vda and so on; other machines may have the same ones. */
  readonly disks: readonly string[];
  readonly signal: AbortSignal;
  readonly progress?: ((text: string) => void) | undefined;
}

/** Commands before its name: a connection of its own, and the one that all share. */
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
/** For ssh alone, which is told the address. */
const NAME = "machine";
const MOUNT = "trans=virtio,version=9p2000.L,ro,cache=loose,msize=512000";

/**
 * A computer that QEMU emulates, and in it an SSH server and the folders of this one that an agent needs. Disposing ends it,
 * with every guest in it.
 */
export class Machine implements AsyncDisposable {
  /** Its files are at the same paths in the machine. */
  readonly image: MachineImage;
  /** What stands in front of a command that is to run in it; its words must be free of blanks and of what shells understand. */
  readonly enter: readonly string[];
  readonly #ssh: readonly string[];
  readonly #scope: Scope;

  private constructor(image: MachineImage, { login, shared }: Ways, scope: Scope) {
    this.image = image;
    // With a connection and a terminal of its own: it ends when they do.
    this.enter = [...login, "-tt", NAME, "exec"];
    this.#ssh = shared;
    this.#scope = scope;
  }

  /** Resolves when it takes commands. @throws HOST_SETUP with the last lines of its console */
  static async start(options: MachineOptions): Promise<Machine> {
    const scope = new Scope();
    try {
      return await boot(options, scope, (image, ways) => new Machine(image, ways, scope));
    } catch (e) {
      await scope[Symbol.asyncDispose]();
      throw e;
    }
  }

  /** Runs a command in it to its end. @throws HOST_SETUP when it fails */
  async exec(argv: readonly string[], input?: string): Promise<RunResult> {
    return await run([...this.#ssh, NAME, argv.map(quoted).join(" ")], {
      ...(input === undefined ? {} : { input: Buffer.from(input) }),
    });
  }

  /** A UNIX socket of this computer can be reached in it, at that port of its loopback. @throws HOST_SETUP */
  async bringIn(socket: string, port: number): Promise<void> {
    await run([...this.#ssh, "-O", "forward", "-R", `${port}:${socket}`, NAME]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }
}

async function boot<T>(
  options: MachineOptions,
  scope: Scope,
  made: (image: MachineImage, ways: Ways) => T,
): Promise<T> {
  const { name, address, dir, namespace } = options;
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(BOOT_MS)]);
  await ensurePackages(MACHINE_NEEDS, options.progress, options.signal);
  const image = await buildMachine(options.profile, options.progress, options.signal);
  await mkdir(dir, { recursive: true });
  const sshPort = namespace ? SSH_PORT : await freePort(address);
  const shared = [repositoryRoot(), image.dir, dir, ...options.shared];
  const qemu = scope.own(
    await Child.start([...(namespace?.enter ?? []), ...commandLine(options, image, sshPort, shared)], {
      name: `the machine of ${name}`,
      logFile: join(dir, "console.log"),
    }),
  );
  await qemu.line(options.profile.ready, signal);
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
        ...["-o", "PermitLocalCommand=yes", "-o", "LocalCommand=echo connected", NAME],
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
  await run([...ssh, NAME, mounts.join(" && ")], { signal });
  return machine;
}

function commandLine(
  { address, ports, profile, disks }: MachineOptions,
  image: MachineImage,
  sshPort: number,
  shared: readonly string[],
): readonly string[] {
  const forwards = [
    `hostfwd=tcp:${address}:${sshPort}-:22`,
    ...ports.map((p) => `hostfwd=tcp:${address}:${p}-:${p}`),
  ];
  return [
    ...["qemu-system-x86_64", "-M", "q35", "-m", String(profile.memoryMib)],
    // Hosts are known apart by it.
    ...["-uuid", randomUUID()],
    ...["-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio"],
    ...["-netdev", ["user", "id=outside", ...forwards].join(","), "-device", "virtio-net-pci,netdev=outside"],
    ...shared.flatMap((path, i) => [
      ...["-fsdev", `local,id=share${i},path=${path},security_model=none,readonly=on`],
      ...["-device", `virtio-9p-pci,fsdev=share${i},mount_tag=share${i}`],
    ]),
    ...disks.flatMap((path, i) => [
      ...["-blockdev", `raw,node-name=disk${i},file.driver=file,file.locking=off,file.filename=${path}`],
      ...["-device", `virtio-blk-pci,drive=disk${i},share-rw=on`],
    ]),
    ...profile.boot(image),
  ];
}

/** As a shell reads it back as one word. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
