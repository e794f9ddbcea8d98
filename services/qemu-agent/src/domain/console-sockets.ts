import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";

/** The host side of a console by its chardev id, and the unix socket on which QEMU serves it. */
export function consoleSocket(deviceId: string, directory: string): readonly [id: string, path: string] {
  return [`char${deviceId}`, `${directory}/${deviceId}.sock`];
}

/** A console is a unix socket instead of a pseudo terminal: that outlives the agent, and has one reader. */
export function consoleSockets(
  { devices }: IdentifiedDomain,
  directory: string,
): Readonly<Record<string, string>> {
  const all = [...devices.serials, ...devices.consoles].filter(({ type }) => type === "pty");
  // A console that shows a serial port has no name of its own.
  return Object.fromEntries(
    all.flatMap(({ alias }) => (alias === undefined ? [] : [consoleSocket(alias, directory)])),
  );
}
