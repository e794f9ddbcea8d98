import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { isHvm } from "../xl-cfg/to-machine.ts";

/**
 * Where in a domain's part of XenStore the terminals of its consoles are named. Each guest without hardware of its own has
 * one of Xen's; another has those of its serial ports that end in a terminal.
 */
export function consoleNodes(definition: DomainDefinition): ReadonlyMap<string, string> {
  if (!isHvm(definition)) return new Map([["console0", "console/tty"]]);
  return new Map(
    definition.devices.serials.flatMap((serial, i) => {
      const port = serial.target?.port ?? i;
      return serial.type === "pty" ? [[`serial${port}`, `serial/${port}/tty`]] : [];
    }),
  );
}
