import type { Consoles } from "@virtmesh/agent/guests/consoles";
import type { ConsoleStream } from "@virtmesh/core/driver/domains";
import { VirtError } from "@virtmesh/core/errors";
import type { Guest } from "../guests/guest.ts";

/** Xen's own console, or the first serial port of a guest with hardware of its own. @throws DOMAIN_NOT_RUNNING, DEVICE_NOT_FOUND, CONSOLE_BUSY */
export async function openConsole(
  consoles: Consoles,
  guest: Guest,
  { device, force }: { readonly device: string; readonly force: boolean },
): Promise<ConsoleStream> {
  const { id, ended, definition } = guest.running;
  const isHvm = definition.os.type.kind === "hvm";
  const known = isHvm ? ["", "serial0", "console0"] : ["", "console0"];
  if (!known.includes(device)) {
    throw new VirtError(
      "DEVICE_NOT_FOUND",
      `guest "${guest.name}" has no console "${device}", only ${known.slice(1).join(" and ")}`,
      { resource: { type: "domain", name: guest.name } },
    );
  }
  const type = isHvm && device !== "console0" ? "serial" : "pv";
  return await consoles.open({
    key: `${guest.uuid}/${type}`,
    whose: `guest "${guest.name}"`,
    argv: ["xl", "console", "-t", type, String(id)],
    force,
    ended: ended.promise,
  });
}
