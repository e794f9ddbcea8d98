import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import { HandedSocket } from "../process/handed-socket.ts";
import { LogFile } from "../process/log-file.ts";
import { QemuProcess } from "../process/qemu-process.ts";
import { QmpConnection } from "../qmp/connection.ts";
import type { QemuCapabilities } from "./model.ts";
import { questions } from "./questions.ts";

/** What a probe found; `notes` are sentences for people. */
export interface ProbeResult {
  readonly capabilities: QemuCapabilities;
  readonly notes: readonly string[];
}

export interface ProbeOptions {
  readonly binary: string;
  /** Where the probe keeps its socket and log. */
  readonly workDir: string;
  readonly signal: AbortSignal;
}

const PROBE_TIMEOUT_MS = 30_000;

/** Starts the binary and asks it what it can do. @throws HOST_SETUP when it does not run. */
export async function probe(options: ProbeOptions): Promise<ProbeResult> {
  const asked = await ask(options, ["-machine", "none"], questions);
  if ("failure" in asked) {
    throw new VirtError("HOST_SETUP", `${options.binary} did not tell what it can do: ${asked.failure}`);
  }
  const kvm = await kvmProblem(options, asked.result.arch);
  return {
    capabilities: {
      ...asked.result,
      binary: options.binary,
      accelerators: new Set(kvm === undefined ? ["kvm", "tcg"] : ["tcg"]),
    },
    notes: kvm === undefined ? [] : [`KVM is not used, guests run slowly by emulation (TCG): ${kvm}`],
  };
}

/**
 * Why KVM cannot be used; undefined when it can. That /dev/kvm opens proves little: on a host that is itself a
 * guest, KVM may offer CPU features whose registers it then refuses to set, and QEMU aborts on the first CPU.
 */
async function kvmProblem(options: ProbeOptions, arch: string): Promise<string | undefined> {
  const machine = arch === "x86_64" || arch === "i386" ? "q35" : "virt";
  const tried = await ask(options, ["-machine", `${machine},accel=kvm`, "-cpu", "host", "-m", "16"], (qmp) =>
    qmp.execute("query-kvm"),
  );
  if ("failure" in tried) return tried.failure;
  return tried.result.enabled ? undefined : "QEMU says that it is not enabled";
}

/** Why QEMU cannot fetch memory on demand on this host, in its own words; undefined when it can. */
export async function postcopyProblem(options: ProbeOptions): Promise<string | undefined> {
  // A folder of its own: two questions at once do not meet.
  const workDir = await mkdtemp(join(options.workDir, "probe-"));
  try {
    const tried = await ask({ ...options, workDir }, ["-machine", "none", "-incoming", "defer"], (qmp) =>
      qmp.execute("migrate-set-capabilities", {
        capabilities: [{ capability: "postcopy-ram", state: true }],
      }),
    );
    return "failure" in tried ? tried.failure : undefined;
  } finally {
    await rm(workDir, { recursive: true });
  }
}

/** Runs QEMU for a few questions; its CPUs never start. */
async function ask<T>(
  options: ProbeOptions,
  args: readonly string[],
  question: (qmp: QmpConnection) => Promise<T>,
): Promise<{ readonly result: T } | { readonly failure: string }> {
  const path = join(options.workDir, "probe.sock");
  await using log = await LogFile.open(join(options.workDir, "probe.log"));
  const argv = [
    ...["-S", "-nodefaults", "-no-user-config", "-display", "none", ...args],
    ...["-chardev", "socket,id=mon,fd=3,server=on,wait=off", "-mon", "chardev=mon,mode=control"],
  ];
  await log.begin([options.binary, ...argv]);
  const qemu = await (async () => {
    await using socket = await HandedSocket.listen(path);
    return QemuProcess.spawn({ binary: options.binary, args: argv, logFd: log.fd, inherit: [socket.fd] });
  })();
  try {
    using qmp = await QmpConnection.open({
      path,
      signal: options.signal,
      greetingTimeoutMs: PROBE_TIMEOUT_MS,
    });
    return { result: await question(qmp) };
  } catch (e) {
    options.signal.throwIfAborted();
    qemu.kill("SIGKILL");
    await qemu.exited;
    return { failure: (await log.tail()) || messageOf(e) };
  } finally {
    qemu.kill("SIGKILL");
    await qemu.exited;
    await rm(path, { force: true });
  }
}
