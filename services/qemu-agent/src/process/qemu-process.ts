import { type ChildProcess, spawn } from "node:child_process";
import { connect, type Socket } from "node:net";
import { VirtError } from "@virtmesh/core/errors";
import { isAlive, readProcessStat } from "@virtmesh/agent/machine/process-stat";

/** How a process ended. Both are absent when it was not our child, so that nobody told us. */
export interface ExitStatus {
  readonly code?: number;
  readonly signal?: string;
}

export interface SpawnOptions {
  readonly binary: string;
  readonly args: readonly string[];
  /** Descriptor of the log that stdout and stderr go to. */
  readonly logFd: number;
  /** Added to an environment of a few fixed variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** Descriptors given to the process as 3, 4, ... */
  readonly inherit: readonly number[];
  /** CPUs of the host on which all of it runs, as `0-3,8`; all of them unless told. */
  readonly cpus?: string;
}

/**
 * One QEMU process. It is a session of its own and writes to a file, so it lives on when this process ends; the
 * agent that comes after it attaches to it again.
 */
export class QemuProcess {
  /** @throws HOST_SETUP when the binary cannot be run. */
  static async spawn(options: SpawnOptions): Promise<QemuProcess> {
    const [program = "", ...args] = onCpus(options);
    const child = spawn(program, args, {
      stdio: ["ignore", options.logFd, options.logFd, ...options.inherit],
      detached: true,
      cwd: "/",
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C", ...options.env },
    });
    const exited = Promise.withResolvers<ExitStatus>();
    child.once("exit", (code, signal) => exited.resolve(exitStatus(code, signal)));
    const { pid } = child;
    if (pid === undefined) throw await spawnFailure(child, options.binary);
    // A dead child keeps its entry until Node collects it, which it cannot do before this line.
    const startTicks = readProcessStat(pid)?.startTicks ?? 0;
    return new QemuProcess(pid, startTicks, exited.promise, () => child.unref());
  }

  /**
   * Takes up a process that an earlier agent started. Its end is seen by a connection to a socket that only the
   * process holds and that it never accepts: the kernel resets it when the process is gone.
   * @returns undefined when that process does not run any more.
   */
  static async attach(pid: number, startTicks: number, alivePath: string): Promise<QemuProcess | undefined> {
    if (!isAlive(pid, startTicks)) return undefined;
    const held = await hold(alivePath);
    if (held === undefined) return undefined;
    const { socket, gone } = held;
    return new QemuProcess(pid, startTicks, gone, () => void socket.removeAllListeners("close").destroy());
  }

  readonly pid: number;
  readonly startTicks: number;
  /** Resolves at once when the process has ended; never rejects. */
  readonly exited: Promise<ExitStatus>;
  readonly #release: () => void;
  #status: ExitStatus | undefined;

  private constructor(pid: number, startTicks: number, exited: Promise<ExitStatus>, release: () => void) {
    this.pid = pid;
    this.startTicks = startTicks;
    this.#release = release;
    this.exited = exited.then((status) => {
      this.#status = status;
      return status;
    });
  }

  get hasExited(): boolean {
    return this.#status !== undefined;
  }

  /** Sends a signal to this very process, never to a later one with its pid. */
  kill(signal: "SIGTERM" | "SIGKILL"): void {
    if (!this.hasExited && isAlive(this.pid, this.startTicks)) process.kill(this.pid, signal);
  }

  /** Stops watching; the process goes on. */
  release(): void {
    this.#release();
  }
}

/** taskset becomes the program itself, so that the process is the same. */
function onCpus({ binary, args, cpus }: SpawnOptions): readonly string[] {
  return cpus === undefined ? [binary, ...args] : ["taskset", "--cpu-list", cpus, binary, ...args];
}

export interface Held {
  readonly socket: Socket;
  readonly gone: Promise<ExitStatus>;
}

/** Connects to a socket that a process may hold open; `gone` is the end of that process. undefined when none does. */
export async function hold(path: string): Promise<Held | undefined> {
  const socket = connect({ path });
  const gone = Promise.withResolvers<ExitStatus>();
  const connected = Promise.withResolvers<boolean>();
  socket.once("connect", () => connected.resolve(true));
  // ECONNRESET is how the end shows, ECONNREFUSED and ENOENT that nobody was there.
  socket.on("error", () => connected.resolve(false));
  socket.once("close", () => gone.resolve({}));
  socket.resume();
  return (await connected.promise) ? { socket, gone: gone.promise } : undefined;
}

function exitStatus(code: number | null, signal: string | null): ExitStatus {
  if (signal !== null) return { signal };
  return code === null ? {} : { code };
}

async function spawnFailure(child: ChildProcess, binary: string): Promise<VirtError> {
  const cause = await new Promise<Error>((resolve) => child.once("error", resolve));
  return new VirtError(
    "HOST_SETUP",
    `${binary} cannot be run (${cause.message}); install QEMU or configure its path`,
    {},
    { cause },
  );
}
