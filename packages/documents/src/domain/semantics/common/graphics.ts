import type { DevicesDraft, DomainDraft } from "../walk.ts";
import { refuse } from "../refuse.ts";

type GraphicsDraft = DevicesDraft["graphics"][number];
type Vnc = Extract<GraphicsDraft, { type: "vnc" }>;
type Spice = Extract<GraphicsDraft, { type: "spice" }>;
type Listening = Extract<GraphicsDraft, { listens: unknown }>;

/** Says in both of the places where it can be said where a screen is served, and whether its port is chosen. */
export function completeGraphics({ id, devices }: DomainDraft, inactive: boolean): void {
  const running = !inactive && (id ?? -1) >= 0;
  for (const [i, graphics] of devices.graphics.entries()) {
    switch (graphics.type) {
      case "vnc":
        completeListens(graphics, `devices/graphics[${i + 1}]`);
        completeVnc(graphics, running);
        break;
      case "spice":
        completeListens(graphics, `devices/graphics[${i + 1}]`);
        completeSpice(graphics, inactive);
        break;
      case "rdp":
        completeListens(graphics, `devices/graphics[${i + 1}]`);
        break;
      case "sdl":
      case "desktop":
      case "egl-headless":
      case "dbus":
        break;
    }
  }
}

function completeListens(graphics: Listening, path: string): void {
  const socket = graphics.type === "vnc" ? graphics.socket : undefined;
  const [first] = graphics.listens;
  if (
    first === undefined ||
    (socket !== undefined && (first.type === "address" || first.type === "network"))
  ) {
    const address = graphics.listen === undefined ? {} : { address: graphics.listen };
    graphics.listens[0] = socket === undefined ? { type: "address", ...address } : { type: "socket", socket };
  } else if (first.type === "address" && graphics.listen !== undefined) {
    if (first.address !== undefined && first.address !== graphics.listen)
      refuse(
        `${path}/listen/@address`,
        `the address ${first.address} must be that of the attribute listen, ${graphics.listen}`,
        "CONFIG_UNSUPPORTED",
      );
    first.address = graphics.listen;
  } else if (first.type === "socket" && socket !== undefined) {
    first.socket ??= socket;
  }
}

/** Sets the attributes that older readers look at from the first `<listen>`. */
function mirrorListen(graphics: Listening, inactive: boolean): void {
  const [first] = graphics.listens;
  delete graphics.listen;
  if (graphics.type === "vnc") {
    delete graphics.socket;
    if (first?.type === "socket" && first.socket !== undefined) graphics.socket = first.socket;
  }
  const shown = first?.type === "address" || (first?.type === "network" && !inactive);
  if (shown && first.address !== undefined) graphics.listen = first.address;
}

function isOnNetwork({ listens: [first] }: Listening): boolean {
  return first?.type === "address" || first?.type === "network";
}

function completeVnc(graphics: Vnc, running: boolean): void {
  mirrorListen(graphics, !running);
  const chosen = graphics.autoport ?? [undefined, -1].includes(graphics.port);
  if (!isOnNetwork(graphics)) {
    delete graphics.port;
    delete graphics.autoport;
    delete graphics.websocket;
    return;
  }
  graphics.autoport = chosen;
  if (chosen && (!running || (graphics.port ?? 0) === 0)) graphics.port = -1;
  else if (graphics.port === 0) delete graphics.port;
  if (graphics.websocket === 0) delete graphics.websocket;
}

function completeSpice(graphics: Spice, inactive: boolean): void {
  const { port = 0, tlsPort = 0 } = graphics;
  const chosen = graphics.autoport === true || (port === -1 && tlsPort === -1);
  const [first] = graphics.listens;
  // Without any port it is not served at all: only whoever holds the socket sees it.
  if (first?.type === "address" && !chosen && port === 0 && tlsPort === 0)
    graphics.listens[0] = { type: "none" };
  mirrorListen(graphics, inactive);
  delete graphics.autoport;
  if (!isOnNetwork(graphics) || (chosen && inactive) || port === 0) delete graphics.port;
  if (!isOnNetwork(graphics) || (chosen && inactive) || tlsPort === 0) delete graphics.tlsPort;
  if (isOnNetwork(graphics)) graphics.autoport = chosen;
  if (graphics.defaultMode === "any") delete graphics.defaultMode;
}
