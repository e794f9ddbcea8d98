import { VirtError } from "@virtmesh/core/errors";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { formatDomain } from "@virtmesh/documents/domain/document";
import type { QemuCapabilities } from "../capabilities/model.ts";
import { machineOf } from "../cmdline/machine-types.ts";
import { buildCommandLine, environmentOf } from "../cmdline/build.ts";
import { withAliases } from "../cmdline/aliases.ts";
import { rangesOf } from "../cmdline/numbers.ts";
import { settleCommands } from "../cmdline/settle.ts";
import { withFirmware } from "../firmware/choose.ts";
import { hostFirmware, makeVariables } from "../firmware/host-firmware.ts";
import type { PortRange } from "../host/ports.ts";
import type { Taps } from "../host/taps.ts";
import { helpersOf } from "../helpers/helpers-of.ts";
import { endHelpers, startHelpers } from "../helpers/start-helpers.ts";
import { HandedSocket } from "../process/handed-socket.ts";
import { LogFile } from "../process/log-file.ts";
import { QemuProcess, type SpawnOptions } from "../process/qemu-process.ts";
import { RecoveryPipe } from "../process/recovery-pipe.ts";
import type { QmpObserver } from "../qmp/connection.ts";
import { QmpError } from "../qmp/errors.ts";
import type { InstanceMigration } from "../state/instance-status.ts";
import type { StatusStore } from "../state/status-store.ts";
import { etagOf } from "@virtmesh/agent/guests/definition";
import { completed } from "./completed.ts";
import { consoleSockets } from "./console-sockets.ts";
import { diskPaths } from "./disk-check.ts";
import { allotPorts, hasAutoport, isScreen, listenAddress } from "./graphics-ports.ts";
import { refuseNotHonoured } from "./honoured.ts";
import { commandFailure, isPortTaken, startFailure } from "./failures.ts";
import { alivePath, type Allotment, Instance, pidfilePath, qmpPath } from "./instance.ts";
import { makeMemoryFolders } from "./memory-folders.ts";
import { runtimeOf } from "./runtime-of.ts";
import type { Situation } from "./translate.ts";

/** What starting guests needs of the host. */
export interface LaunchSite {
  readonly capabilities: QemuCapabilities;
  readonly statuses: StatusStore;
  readonly logDir: string;
  readonly vncPorts: PortRange;
  readonly vncAddress: string;
  readonly taps: Taps;
  /** Where the state of guests' TPMs is kept. */
  readonly tpmDir: string;
  /** Where guests' variables of UEFI are kept. */
  readonly nvramDir: string;
  /** Where memory that is a file lies. */
  readonly memoryDir: string;
  /** Guests of type kvm run by emulation where KVM does not work. */
  readonly allowTcgForKvm: boolean;
  readonly allowPassthrough: boolean;
  readonly onWriteError: (error: unknown) => void;
  readonly observe?: QmpObserver;
}

export interface LaunchOptions {
  readonly id: number;
  readonly signal: AbortSignal;
  /** Waits for a migration instead of starting from the firmware. */
  readonly incoming?: InstanceMigration;
  /** It may come to lack memory, and must then hear orders though its main loop hangs. */
  readonly recovery?: boolean;
}

const STARTING: Situation = { state: "paused", reason: "starting-up", rebooting: false, begun: false };
/** QEMU sets up the memory of large guests before it answers. */
const GREETING_TIMEOUT_MS = 60_000;
const PORT_ATTEMPTS = 5;

/**
 * Starts QEMU for a guest, with its CPUs stopped, and connects to it. What was made on the way is gone when it
 * throws. @throws CONFIG_UNSUPPORTED, DISK_IN_USE, FILE_NOT_FOUND, HOST_SETUP, LIMIT_REACHED, HYPERVISOR_FAILED
 */
export async function launch(
  given: IdentifiedDomain,
  site: LaunchSite,
  options: LaunchOptions,
): Promise<Instance> {
  // Every device has its place and its name from here on, so that others can come and go beside it.
  const definition = withAliases(completed(given, site.capabilities));
  refuseNotHonoured(definition);
  const accelerator = acceleratorOf(definition, site);
  for (let attempt = 1; ; attempt += 1) {
    const allotment = await allot(definition, site, options, etagOf(given));
    try {
      return await start(definition, site, options, allotment, accelerator);
    } catch (e) {
      await giveBack(definition.name, site, allotment);
      await site.statuses.remove(definition.uuid);
      if (!isPortTaken(e) || attempt === PORT_ATTEMPTS || !hasAutoport(definition)) throw e;
    }
  }
}

/** Returns what was allotted to a run that is over; its directory stays for whoever reads it last. */
export async function giveBack(
  guest: string,
  site: Pick<LaunchSite, "vncPorts" | "taps">,
  { vncPorts, taps }: Pick<Allotment, "vncPorts" | "taps">,
): Promise<void> {
  for (const port of Object.values(vncPorts)) site.vncPorts.release(port, guest);
  await site.taps.remove(taps);
}

export function acceleratorOf(
  { type, name }: IdentifiedDomain,
  { capabilities, allowTcgForKvm }: Pick<LaunchSite, "capabilities" | "allowTcgForKvm">,
): "kvm" | "tcg" {
  if (type === "qemu") return "tcg";
  if (type !== "kvm") {
    throw new VirtError(
      "CONFIG_UNSUPPORTED",
      `guest "${name}" is of the type "${type}", QEMU runs guests of the types "kvm" and "qemu"`,
    );
  }
  if (capabilities.accelerators.has("kvm")) return "kvm";
  if (allowTcgForKvm) return "tcg";
  throw new VirtError(
    "CONFIG_UNSUPPORTED",
    `guest "${name}" is of the type "kvm" and KVM does not work on this host; use type="qemu", or start the agent with --allow-tcg-for-kvm`,
  );
}

async function allot(
  definition: IdentifiedDomain,
  site: LaunchSite,
  { id }: LaunchOptions,
  etag: string,
): Promise<Allotment> {
  const directory = await site.statuses.create(definition.uuid);
  const vncPorts = await allotPorts(definition, site);
  const allotment = {
    directory,
    logPath: `${site.logDir}/${definition.uuid}.log`,
    id,
    startTimeMs: Date.now(),
    etag,
    vncPorts,
    taps: {},
    consoles: consoleSockets(definition, directory),
    secondNodes: [],
  };
  try {
    return { ...allotment, taps: await site.taps.make(definition) };
  } catch (e) {
    await giveBack(definition.name, site, allotment);
    await site.statuses.remove(definition.uuid);
    throw e;
  }
}

async function start(
  definition: IdentifiedDomain,
  site: LaunchSite,
  options: LaunchOptions,
  allotment: Allotment,
  accelerator: "kvm" | "tcg",
): Promise<Instance> {
  const { directory, logPath } = allotment;
  const { name: machine } = machineOf(definition, site.capabilities);
  const variables = `${site.nvramDir}/${definition.uuid}_VARS.fd`;
  const found = withFirmware(definition, machine, await hostFirmware(), variables);
  const live = withAllotment(found, site, allotment);
  await makeVariables(live);
  const recovery = options.recovery === true ? new RecoveryPipe(directory) : undefined;
  await recovery?.make(options.signal);
  const runtime = await runtimeOf(live, site, {
    allotment,
    accelerator,
    incoming: options.incoming !== undefined,
    ...(recovery === undefined ? {} : { recoveryPipe: recovery.path }),
  });
  await makeMemoryFolders(live, site.memoryDir);
  const argv = [
    ...buildCommandLine(withConsoleLogs(live, logPath), site.capabilities, runtime),
    ...["-pidfile", pidfilePath(directory)],
  ];
  // Before the start, so that an agent that dies now is followed by one that knows where to look.
  const { logPath: _log, directory: _directory, ...known } = allotment;
  await site.statuses.save({
    ...{ format: 1, uuid: live.uuid, name: live.name, situation: STARTING, logPath, ...known },
    xml: formatDomain(live, { secure: true }),
    ...(options.incoming ? { migration: options.incoming } : {}),
  });
  await using log = await LogFile.open(logPath);
  await log.begin([site.capabilities.binary, ...argv]);
  const env = environmentOf(live, runtime);
  const helpers = await startHelpers(helpersOf(live, { directory, tpmDir: site.tpmDir }), log.fd);
  const { cpuset } = live.vcpu;
  const program = {
    ...{ binary: site.capabilities.binary, args: argv, env },
    ...(cpuset === undefined ? {} : { cpus: rangesOf(cpuset).join(",") }),
  };
  const process = await spawnQemu(program, log, directory).catch((e: unknown): never => {
    endHelpers(helpers);
    throw e;
  });
  const instance = new Instance({
    ...{ definition: live, allotment, process, statuses: site.statuses, onWriteError: site.onWriteError },
    situation: options.incoming
      ? { ...STARTING, reason: "migration", migrating: "in", begun: true }
      : STARTING,
    ...(options.incoming ? { migration: options.incoming } : {}),
    ...(site.observe ? { observe: site.observe } : {}),
  });
  instance.save();
  try {
    const qmp = await instance.connect(options.signal, GREETING_TIMEOUT_MS);
    await recovery?.agree();
    const commands = settleCommands(live, options.incoming !== undefined);
    await Promise.all(commands.map((c) => qmp.execute(c.execute, c.arguments as never)));
    // Its pid is durable before its CPUs run: an agent that is killed now is followed by one that finds it.
    await instance.flush();
    return instance;
  } catch (e) {
    process.kill("SIGKILL");
    await process.exited;
    endHelpers(helpers);
    await instance.release();
    if (options.signal.aborted) throw VirtError.from(options.signal.reason);
    if (e instanceof QmpError && e.failure === "refused") throw commandFailure(definition.name, e);
    throw startFailure(definition.name, await log.tail(), diskPaths(definition), e);
  }
}

async function spawnQemu(
  program: Pick<SpawnOptions, "binary" | "args" | "env" | "cpus">,
  log: LogFile,
  directory: string,
): Promise<QemuProcess> {
  await using qmp = await HandedSocket.listen(qmpPath(directory));
  await using alive = await HandedSocket.listen(alivePath(directory));
  return await QemuProcess.spawn({ ...program, logFd: log.fd, inherit: [qmp.fd, alive.fd] });
}

/** The definition as it runs: with its number, its ports and the names of its interfaces. */
function withAllotment(
  definition: IdentifiedDomain,
  site: LaunchSite,
  { id, vncPorts, taps }: Allotment,
): IdentifiedDomain {
  const { devices } = definition;
  return {
    ...definition,
    id,
    devices: {
      ...devices,
      graphics: devices.graphics.map((graphics, index) => {
        const port = vncPorts[index];
        if (port === undefined || !isScreen(graphics)) return graphics;
        return { ...graphics, port, listen: listenAddress(graphics, site.vncAddress) };
      }),
      interfaces: devices.interfaces.map((nic) => {
        const tap = taps[nic.alias ?? ""];
        return tap === undefined ? nic : { ...nic, target: { ...nic.target, dev: tap.ifname } };
      }),
      vsocks: devices.vsocks.map((vsock) =>
        vsock.cid?.auto === true
          ? { ...vsock, cid: { ...vsock.cid, address: contextId(definition) } }
          : vsock,
      ),
    },
  };
}

/** 0 to 2 are not addresses of guests, and the largest is anybody's. */
const FIRST_CONTEXT_ID = 3;
const CONTEXT_IDS = 0xffff_fffe - FIRST_CONTEXT_ID;

/** The guest's address for sockets to the host: the same at every start, and another than that of other guests. */
function contextId({ uuid }: IdentifiedDomain): number {
  return FIRST_CONTEXT_ID + (Number.parseInt(uuid.slice(0, 8), 16) % CONTEXT_IDS);
}

/** What consoles print is kept beside the log of QEMU, unless the definition says where. */
function withConsoleLogs(definition: IdentifiedDomain, logPath: string): IdentifiedDomain {
  const { devices } = definition;
  const file = (kind: string, index: number) => logPath.replace(/\.log$/, `.${kind}${index}.log`);
  const logged =
    <C extends { readonly type: string; readonly log?: unknown }>(kind: string) =>
    (device: C, index: number): C =>
      device.type !== "pty" || device.log !== undefined
        ? device
        : { ...device, log: { file: file(kind, index), append: true } };
  return {
    ...definition,
    devices: {
      ...devices,
      serials: devices.serials.map(logged("serial")),
      consoles: devices.consoles.map(logged("console")),
    },
  };
}
