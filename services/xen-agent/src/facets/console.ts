import { terminalLine } from "@virtmesh/agent/guests/console-lines";
import type { Consoles } from "@virtmesh/agent/guests/consoles";
import type { Call } from "@virtmesh/core/call";
import type { ConsoleStream } from "@virtmesh/core/driver/domains";
import { VirtError } from "@virtmesh/core/errors";
import { consoleNodes } from "../guests/console-nodes.ts";
import type { Guest } from "../guests/guest.ts";
import type { XenStore } from "../xenstore/connection.ts";

export type XenConsoles = (
  guest: Guest,
  options: { readonly device: string; readonly force: boolean },
  c: Call,
) => Promise<ConsoleStream>;

/** The terminal in dom0 at whose other end is xenconsoled, or QEMU. @throws DOMAIN_NOT_RUNNING, DEVICE_NOT_FOUND, CONSOLE_BUSY */
export async function openConsole(
  consoles: Consoles,
  store: XenStore,
  guest: Guest,
  { device, force }: { readonly device: string; readonly force: boolean },
  c: Call,
): Promise<ConsoleStream> {
  const { id, ended } = guest.running;
  const node = nodeOf(guest, device);
  const over = new AbortController();
  void ended.promise.then(() => over.abort(notRunning(guest)));
  const signal = AbortSignal.any([c.signal, over.signal]);
  // It is there a moment after its domain.
  const terminal = await store.appearing(`/local/domain/${id}/${node}`, signal);
  return await consoles.open({
    key: `${guest.uuid}/${node}`,
    whose: `guest "${guest.name}"`,
    line: () => terminalLine(terminal),
    force,
    ended: ended.promise,
  });
}

/** `""` is the first. */
function nodeOf({ name, definition }: Guest, device: string): string {
  const nodes = consoleNodes(definition);
  const [first] = nodes.values();
  // The first serial port is the first console too.
  const node = device === "" || device === "console0" ? first : nodes.get(device);
  if (node !== undefined) return node;
  const known = [...nodes.keys()].join(", ");
  throw new VirtError(
    "DEVICE_NOT_FOUND",
    known === ""
      ? `guest "${name}" has no console: give it a serial port of the type pty`
      : `guest "${name}" has no console "${device}", only ${known}`,
    { resource: { type: "domain", name } },
  );
}

function notRunning({ name }: Guest): VirtError {
  return new VirtError("DOMAIN_NOT_RUNNING", `guest "${name}" has ended`, {
    resource: { type: "domain", name },
  });
}
