import type { Graphics, SpiceGraphics, VncGraphics } from "@virtmesh/documents/domain/devices/graphics";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { PortRange } from "../host/ports.ts";

/** What allotting ports needs of the host. */
export interface GraphicsSite {
  readonly vncPorts: PortRange;
  readonly vncAddress: string;
}

/** Graphics that viewers reach by the network. */
export function isScreen(graphics: Graphics): graphics is VncGraphics | SpiceGraphics {
  return graphics.type === "vnc" || graphics.type === "spice";
}

/** Whether it listens on a port, rather than on a socket or nowhere. */
function hasPort(graphics: Graphics): graphics is VncGraphics | SpiceGraphics {
  if (!isScreen(graphics) || (graphics.type === "vnc" && graphics.socket !== undefined)) return false;
  return !graphics.listens.some((listen) => listen.type === "none" || listen.type === "socket");
}

function isAutoport(graphics: Graphics): boolean {
  return (
    hasPort(graphics) && (graphics.autoport === true || graphics.port === undefined || graphics.port === -1)
  );
}

export function hasAutoport(definition: IdentifiedDomain): boolean {
  return definition.devices.graphics.some(isAutoport);
}

/** A port for each of the guest's screens, by its place in the definition. */
export async function allotPorts(
  { name, devices }: IdentifiedDomain,
  site: GraphicsSite,
): Promise<Readonly<Record<string, number>>> {
  const ports: Record<string, number> = {};
  for (const [index, graphics] of devices.graphics.entries()) {
    if (!hasPort(graphics)) continue;
    if (isAutoport(graphics)) {
      ports[index] = await site.vncPorts.allot(listenAddress(graphics, site.vncAddress), name);
    } else if (graphics.port !== undefined) {
      site.vncPorts.reserve(graphics.port, name);
      ports[index] = graphics.port;
    }
  }
  return ports;
}

/** The address a definition names, in either of the two places where it can. */
export function listenAddress(graphics: VncGraphics | SpiceGraphics, otherwise: string): string {
  const named = graphics.listens.find((l) => l.type === "address");
  return graphics.listen ?? (named?.type === "address" ? named.address : undefined) ?? otherwise;
}
