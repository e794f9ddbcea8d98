import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { QemuCapabilities } from "../capabilities/model.ts";
import { Arguments } from "./arguments.ts";
import { bootOrder } from "./boot-order.ts";
import { chardevArguments } from "./chardevs.ts";
import { clockArguments } from "./clock.ts";
import type { BuildContext } from "./context.ts";
import { audioArguments } from "./audios.ts";
import { filesystemArguments } from "./filesystems.ts";
import { graphicsArguments } from "./graphics.ts";
import { hostdevArguments } from "./hostdevs.ts";
import { inputArguments } from "./inputs.ts";
import { iothreadArguments } from "./iothreads.ts";
import { launchSecurityArguments } from "./launch-security.ts";
import { managedReservations } from "./block/reservations.ts";
import { memoryArguments } from "./memory.ts";
import { memoryDeviceArguments } from "./memory-devices.ts";
import { numaArguments } from "./numa.ts";
import { processorArguments } from "./processors.ts";
import { redirdevArguments } from "./redirdevs.ts";
import { rngArguments } from "./rngs.ts";
import { shmemArguments } from "./shmems.ts";
import { smartcardArguments } from "./smartcards.ts";
import { smbiosArguments } from "./smbios.ts";
import { soundArguments } from "./sounds.ts";
import { tpmArguments } from "./tpms.ts";
import { videoArguments } from "./videos.ts";
import { watchdogArguments } from "./watchdogs.ts";
import { cardReaderArguments, controllerArguments } from "./controllers.ts";
import { cpuArguments } from "./cpu.ts";
import { diskArguments } from "./disks.ts";
import { firmwareArguments } from "./firmware.ts";
import { interfaceArguments } from "./interfaces.ts";
import { boardOf, machineOf } from "./machine-types.ts";
import { machineArguments } from "./machine.ts";
import { refuseUnknown } from "./refuse.ts";
import type { Runtime } from "./runtime.ts";
import { hubArguments, iommuArguments, smallDeviceArguments } from "./small-devices.ts";

/**
 * The arguments of QEMU (without the binary) for a guest, for QEMU 7.2 and newer. It starts with the CPUs
 * stopped (`-S`): send `settleCommands`, then `cont`. Pure: the same definition and capabilities give the same
 * hardware on every host.
 * @throws CONFIG_UNSUPPORTED naming the element that this QEMU or this agent cannot honour
 */
export function buildCommandLine(
  definition: IdentifiedDomain,
  capabilities: QemuCapabilities,
  runtime: Runtime,
): readonly string[] {
  refuseUnknown(definition, runtime);
  const board = boardOf(machineOf(definition, capabilities));
  const c: BuildContext = {
    definition,
    capabilities,
    runtime,
    board,
    args: new Arguments(),
    boot: bootOrder(definition),
  };
  processArguments(c);
  machineArguments(c);
  memoryArguments(c);
  processorArguments(c);
  numaArguments(c);
  cpuArguments(c);
  launchSecurityArguments(c);
  clockArguments(c);
  powerArguments(c);
  firmwareArguments(c);
  smbiosArguments(c);
  iothreadArguments(c);
  audioArguments(c);
  iommuArguments(c);
  controllerArguments(c);
  hubArguments(c);
  cardReaderArguments(c);
  managedReservations(c);
  diskArguments(c);
  filesystemArguments(c);
  interfaceArguments(c);
  smartcardArguments(c);
  chardevArguments(c);
  tpmArguments(c);
  inputArguments(c);
  graphicsArguments(c);
  videoArguments(c);
  soundArguments(c);
  hostdevArguments(c);
  redirdevArguments(c);
  smallDeviceArguments(c);
  rngArguments(c);
  watchdogArguments(c);
  memoryDeviceArguments(c);
  shmemArguments(c);
  deprecationArguments(c);
  for (const { value } of definition.qemuCommandline?.args ?? []) c.args.flag(value);
  return c.args.all;
}

/** What the definition adds to QEMU's environment, where the agent allows that. */
export function environmentOf(
  definition: IdentifiedDomain,
  runtime: Runtime,
): Readonly<Record<string, string>> {
  const { clock, devices } = definition;
  const variables = runtime.allowPassthrough ? (definition.qemuCommandline?.env ?? []) : [];
  const sdl = devices.audios.find((audio) => audio.type === "sdl" && audio.driver !== undefined);
  return {
    ...(clock?.offset === "timezone" && clock.timezone !== undefined ? { TZ: clock.timezone } : {}),
    ...(sdl?.type === "sdl" && sdl.driver !== undefined ? { SDL_AUDIODRIVER: sdl.driver } : {}),
    ...Object.fromEntries(variables.map((v) => [v.name, v.value ?? ""])),
  };
}

/** What QEMU does about what it will not have for ever. */
function deprecationArguments({ definition, args }: BuildContext): void {
  switch (definition.qemuDeprecation) {
    case undefined:
    case "none":
      break;
    case "omit":
      args.options("-compat", undefined, { "deprecated-output": "hide" });
      break;
    case "reject":
    case "crash":
      args.options("-compat", undefined, {
        "deprecated-input": definition.qemuDeprecation,
        "deprecated-output": "hide",
      });
  }
}

/** The process itself: its name, its monitor, what it may do on the host. */
function processArguments({ definition, capabilities, runtime, args }: BuildContext): void {
  args.options("-name", undefined, { guest: definition.name, "debug-threads": true });
  args.flag("-S");
  if (runtime.incoming) args.flag("-incoming", "defer");
  args.flag("-no-user-config");
  args.flag("-nodefaults");
  args.flag("-msg", "timestamp=on");
  if (capabilities.sandbox) {
    const deny = { obsolete: "deny", elevateprivileges: "deny", spawn: "deny", resourcecontrol: "deny" };
    args.options("-sandbox", "on", deny);
  }
  args.options("-chardev", "socket", {
    id: "charmonitor",
    fd: runtime.qmpFd,
    server: true,
    wait: false,
  });
  args.options("-mon", undefined, { chardev: "charmonitor", id: "monitor", mode: "control" });
  if (runtime.recoveryPipe === undefined) return;
  args.options("-chardev", "pipe", { id: "charrecovery", path: runtime.recoveryPipe });
  args.options("-mon", undefined, { chardev: "charrecovery", id: "recovery", mode: "control" });
}

/**
 * What QEMU does by itself when the guest ends, restarts or panics. QEMU exits where the guest is to be gone; it
 * stands still where the agent decides (SHUTDOWN and GUEST_PANICKED events tell it).
 */
function powerArguments({ definition, args, board }: BuildContext): void {
  const { onPoweroff = "destroy", onReboot = "restart", onCrash = "destroy", pm } = definition;
  args.options("-action", undefined, {
    shutdown: onPoweroff === "destroy" ? "poweroff" : "pause",
    reboot: onReboot === "restart" ? "reset" : "shutdown",
    panic: onCrash === "destroy" ? "shutdown" : "pause",
  });
  const driver = board === "q35" ? "ICH9-LPC" : "PIIX4_PM";
  for (const [property, enabled] of [
    ["disable_s3", pm?.suspendToMem],
    ["disable_s4", pm?.suspendToDisk],
  ] as const) {
    if (enabled !== undefined)
      args.options("-global", undefined, { driver, property, value: enabled ? 0 : 1 });
  }
}
