import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "@virtmesh/core/errors";
import { completeDomain } from "@virtmesh/documents/domain/complete";
import { parseDomain } from "@virtmesh/documents/domain/document";
import type { DomainDefinition, IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { completeQemuDomain } from "@virtmesh/documents/domain/semantics/qemu/complete";
import { run } from "@virtmesh/lab/process";
import type { QemuCapabilities } from "../../../services/qemu-agent/src/capabilities/model.ts";
import { probe } from "../../../services/qemu-agent/src/capabilities/probe.ts";
import { traitsOf } from "../../../services/qemu-agent/src/capabilities/traits.ts";
import { buildCommandLine, environmentOf } from "../../../services/qemu-agent/src/cmdline/build.ts";
import { machineOf } from "../../../services/qemu-agent/src/cmdline/machine-types.ts";
import { rangesOf } from "../../../services/qemu-agent/src/cmdline/numbers.ts";
import type { Runtime, Tap } from "../../../services/qemu-agent/src/cmdline/runtime.ts";
import { refuseNotHonoured } from "../../../services/qemu-agent/src/domain/honoured.ts";
import { makeMemoryFolders } from "../../../services/qemu-agent/src/domain/memory-folders.ts";
import { withFirmware } from "../../../services/qemu-agent/src/firmware/choose.ts";
import type { FirmwareDescriptor } from "../../../services/qemu-agent/src/firmware/descriptor.ts";
import { hostFirmware, makeVariables } from "../../../services/qemu-agent/src/firmware/host-firmware.ts";
import type { Helper } from "../../../services/qemu-agent/src/helpers/helpers-of.ts";
import { helpersOf } from "../../../services/qemu-agent/src/helpers/helpers-of.ts";
import { endHelpers, startHelpers } from "../../../services/qemu-agent/src/helpers/start-helpers.ts";
import { hugepageMounts } from "../../../services/qemu-agent/src/host/hugepages.ts";
import { HandedSocket } from "../../../services/qemu-agent/src/process/handed-socket.ts";
import { LogFile } from "../../../services/qemu-agent/src/process/log-file.ts";
import { QemuProcess, type SpawnOptions } from "../../../services/qemu-agent/src/process/qemu-process.ts";
import { QmpConnection } from "../../../services/qemu-agent/src/qmp/connection.ts";
import { BINARY, type GuestCase } from "./cases.ts";
import type { Side, Trial } from "./side.ts";

const DIRECTORY = "/run/guest";
const ANSWER_MS = 20_000;

/** The agent's arguments, given to QEMU, for guests that the agent would start. */
export class AgentSide implements Side {
  static async open(signal: AbortSignal): Promise<AgentSide> {
    await mkdir(DIRECTORY, { recursive: true });
    const { capabilities } = await probe({ binary: BINARY, workDir: DIRECTORY, signal });
    return new AgentSide(capabilities, await hostFirmware());
  }

  readonly #capabilities: QemuCapabilities;
  readonly #firmware: readonly FirmwareDescriptor[];

  private constructor(capabilities: QemuCapabilities, firmware: readonly FirmwareDescriptor[]) {
    this.#capabilities = capabilities;
    this.#firmware = firmware;
  }

  async try({ xml }: GuestCase): Promise<Trial> {
    await rm(DIRECTORY, { recursive: true, force: true });
    await mkdir(join(DIRECTORY, "secrets"), { recursive: true });
    try {
      const definition = this.#complete(parseDomain(xml));
      refuseNotHonoured(definition);
      await makeVariables(definition);
      await makeMemoryFolders(definition, MEMORY);
      await using taps = await Taps.make(definition);
      const runtime = await runtimeOf(definition, taps.taps);
      const args = buildCommandLine(definition, this.#capabilities, runtime);
      await writeSecrets(args);
      const helpers = helpersOf(definition, { directory: DIRECTORY, tpmDir: "/var/lib/guests/tpm" });
      const { cpuset } = definition.vcpu;
      const program = {
        ...{ binary: BINARY, args, env: environmentOf(definition, runtime) },
        ...(cpuset === undefined ? {} : { cpus: rangesOf(cpuset).join(",") }),
      };
      return await started(program, helpers);
    } catch (e) {
      return { up: false, why: messageOf(e) };
    }
  }

  #complete(given: DomainDefinition): IdentifiedDomain {
    const traits = traitsOf(this.#capabilities);
    const defined = completeQemuDomain(given, { traits });
    const starting = withContextIds(completeQemuDomain(defined, { traits, newDomain: true }));
    const { name: machine } = machineOf(starting, this.#capabilities);
    const variables = `/var/lib/guests/${starting.name}_VARS.fd`;
    return completeDomain(withFirmware(starting, machine, this.#firmware, variables)).definition;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(DIRECTORY, { recursive: true, force: true });
  }
}

const MEMORY = "/var/lib/guests/memory";

function withContextIds(definition: DomainDefinition): DomainDefinition {
  const vsocks = definition.devices.vsocks.map((vsock) =>
    vsock.cid?.auto === true ? { ...vsock, cid: { ...vsock.cid, address: 3 } } : vsock,
  );
  return { ...definition, devices: { ...definition.devices, vsocks } };
}

const VNC_PORT = 5900;

async function runtimeOf(definition: IdentifiedDomain, taps: ReadonlyMap<number, Tap>): Promise<Runtime> {
  const places = definition.devices.graphics.flatMap((graphics, i) => {
    if (graphics.type !== "vnc" && graphics.type !== "spice") return [];
    if (graphics.listens.some((l) => l.type === "socket" || l.type === "none")) return [];
    if (graphics.type === "vnc" && graphics.socket !== undefined) return [];
    const port =
      graphics.port === undefined || graphics.port < 0 || graphics.autoport === true
        ? VNC_PORT + i
        : graphics.port;
    const named = graphics.listens.find((l) => l.type === "address");
    const address = (named?.type === "address" ? named.address : undefined) ?? graphics.listen ?? "127.0.0.1";
    return [[graphics.type, i, { address, port }] as const];
  });
  const of = (type: "vnc" | "spice") =>
    new Map(places.filter(([kind]) => kind === type).map(([, i, place]) => [i, place] as const));
  return {
    accelerator: "tcg",
    qmpFd: 3,
    directory: DIRECTORY,
    incoming: false,
    taps,
    vhost: false,
    vnc: of("vnc"),
    spice: of("spice"),
    consoleSockets: new Map(),
    secondNodes: new Set(),
    startTimeMs: Date.now(),
    utcOffsetMs: 0,
    tls: {},
    sasl: new Set(),
    passwords: new Set(),
    hugepages: await hugepageMounts(),
    memoryDirectory: MEMORY,
    handed: new Map(),
    isHostCdrom: () => false,
    scsiGeneric: () => undefined,
    allowPassthrough: true,
  };
}

/** Tap devices on this host for the cards that need one; they go with the guest. */
class Taps implements AsyncDisposable {
  static async make({ devices }: IdentifiedDomain): Promise<Taps> {
    const taps = new Map<number, Tap>();
    for (const [i, nic] of devices.interfaces.entries()) {
      if (!["bridge", "network", "direct", "ethernet"].includes(nic.type)) continue;
      const queues = nic.type === "hostdev" ? 1 : (nic.driver?.queues ?? 1);
      const ifname = `tap${i}`;
      await run([
        "ip",
        "tuntap",
        "add",
        "dev",
        ifname,
        "mode",
        "tap",
        ...(queues > 1 ? ["multi_queue"] : []),
      ]);
      taps.set(i, { ifname });
    }
    return new Taps(taps);
  }

  readonly taps: ReadonlyMap<number, Tap>;

  private constructor(taps: ReadonlyMap<number, Tap>) {
    this.taps = taps;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const tap of this.taps.values())
      if ("ifname" in tap) await run(["ip", "link", "delete", tap.ifname]);
  }
}

/** Gives every secret a value: what it is does not matter to a guest that never runs. */
async function writeSecrets(args: readonly string[]): Promise<void> {
  const value = Buffer.from("secret secret secret secret").toString("base64");
  for (const [, file = ""] of args.join("\n").matchAll(/"file":"([^"]*\/secrets\/[^"]*)"/g))
    await writeFile(file, value);
}

async function started(
  program: Pick<SpawnOptions, "binary" | "args" | "env" | "cpus">,
  needed: readonly Helper[],
): Promise<Trial> {
  const path = join(DIRECTORY, "qmp.sock");
  const log = join(DIRECTORY, "qemu.log");
  await using file = await LogFile.open(log);
  const helpers = await startHelpers(needed, file.fd);
  const qemu = await (async () => {
    await using socket = await HandedSocket.listen(path);
    return QemuProcess.spawn({ ...program, logFd: file.fd, inherit: [socket.fd] });
  })();
  try {
    using qmp = await QmpConnection.open({ path, greetingTimeoutMs: ANSWER_MS });
    const { status } = await qmp.execute("query-status", undefined, { timeoutMs: ANSWER_MS });
    return { up: status === "prelaunch" || status === "paused", why: status };
  } catch (e) {
    return { up: false, why: (await file.tail()) || messageOf(e) };
  } finally {
    qemu.kill("SIGKILL");
    await qemu.exited;
    endHelpers(helpers);
    await Promise.all(helpers.map((helper) => helper.exited));
  }
}
