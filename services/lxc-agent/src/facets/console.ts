import { programLine } from "@virtmesh/agent/guests/console-lines";
import type { Consoles } from "@virtmesh/agent/guests/consoles";
import type { ConsoleStream } from "@virtmesh/core/driver/domains";
import { VirtError } from "@virtmesh/core/errors";
import type { Container } from "../containers/container.ts";

/** Nobody types this: clients leave a console by it themselves. */
const ESCAPE = "^]";

/** `console0` is /dev/console, `console1` the first terminal of `<console>`. @throws DOMAIN_NOT_RUNNING, DEVICE_NOT_FOUND, CONSOLE_BUSY */
export async function openConsole(
  consoles: Consoles,
  lxcPath: string,
  container: Container,
  { device, force }: { readonly device: string; readonly force: boolean },
): Promise<ConsoleStream> {
  const { running } = container;
  const terminal = terminalOf(container, device);
  return await consoles.open({
    key: `${container.uuid}/${terminal}`,
    whose: `container "${container.name}"`,
    line: () =>
      programLine(["lxc-console", "-P", lxcPath, "-n", container.uuid, "-t", String(terminal), "-e", ESCAPE]),
    force,
    // LXC's console does not always see that the container has gone.
    ended: running.ended.promise,
  });
}

/** 0 for /dev/console, else the number of a terminal. */
function terminalOf({ name, definition }: Container, device: string): number {
  const count = definition.devices.consoles.length;
  const number = Number(/^(?:console|serial)?(\d+)$/.exec(device === "" ? "0" : device)?.[1] ?? Number.NaN);
  if (number <= count) return number;
  throw new VirtError(
    "DEVICE_NOT_FOUND",
    `container "${name}" has no console "${device}", only console0 to console${count}`,
    {
      resource: { type: "domain", name },
    },
  );
}
