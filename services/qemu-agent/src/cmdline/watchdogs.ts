import type { Watchdog } from "@virtmesh/documents/domain/devices/watchdog";
import { unsupported } from "./arguments.ts";
import type { BuildContext, DeviceContext } from "./context.ts";
import { deviceDriver, idOf, pciPlace } from "./context.ts";
import type { DeviceParts } from "./parts.ts";
import { addParts } from "./parts.ts";

/** Watchdogs, and what QEMU does when one fires: the same for all of them. */
export function watchdogArguments(c: BuildContext): void {
  const { watchdogs } = c.definition.devices;
  const [first] = watchdogs;
  if (first === undefined) return;
  const action = first.action ?? "reset";
  for (const [i, watchdog] of watchdogs.entries()) {
    if ((watchdog.action ?? "reset") !== action)
      throw unsupported(`devices/watchdog[${i + 1}]/@action`, "all watchdogs must have the same action");
    if (watchdog.model === "itco") itco(c, `devices/watchdog[${i + 1}]`);
    addParts(c.args, watchdogParts(c, watchdog, i));
  }
  // A dump is made by the agent, which QEMU waits for.
  c.args.options("-action", undefined, { watchdog: action === "dump" ? "pause" : action });
}

/** ICH9 has it always; by default it is strapped never to reset the machine. */
function itco(c: BuildContext, path: string): void {
  if (c.board !== "q35") throw unsupported(`${path}/@model`, "only q35 has a watchdog of model itco");
  c.args.options("-global", undefined, { driver: "ICH9-LPC", property: "noreboot", value: "off" });
}

export function watchdogParts(c: DeviceContext, watchdog: Watchdog, index: number): DeviceParts {
  const path = `devices/watchdog[${index + 1}]`;
  const id = idOf(watchdog, `watchdog${index}`);
  switch (watchdog.model) {
    case "i6300esb":
      return { devices: [{ driver: deviceDriver(c, "i6300esb", path), id, ...pciPlace(c, watchdog, path) }] };
    case "ib700":
      return { devices: [{ driver: deviceDriver(c, "ib700", path), id }] };
    case "itco":
      return {};
    case "diag288":
      throw unsupported(`${path}/@model`, "x86 has no watchdog of model diag288");
  }
}
