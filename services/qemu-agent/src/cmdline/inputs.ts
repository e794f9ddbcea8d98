import type { Input } from "@virtmesh/documents/domain/devices/input";
import { unsupported } from "./arguments.ts";
import { usbPlace } from "./buses.ts";
import type { BuildContext, DeviceContext } from "./context.ts";
import { deviceDriver, idOf, virtioDevice } from "./context.ts";
import type { DeviceParts } from "./parts.ts";
import { addParts } from "./parts.ts";

export function inputArguments(c: BuildContext): void {
  for (const [i, input] of c.definition.devices.inputs.entries()) addParts(c.args, inputParts(c, input, i));
}

/** A keyboard, a pointer, or an event device of the host. */
export function inputParts(c: DeviceContext, input: Input, index: number): DeviceParts {
  const path = `devices/input[${index + 1}]`;
  const { type, bus = usualBus(type), source } = input;
  const id = idOf(input, `input${index}`);
  if (type === "evdev") {
    if (source?.dev === undefined)
      throw unsupported(`${path}/source/@dev`, "the event device of the host is missing");
    return {
      objects: [
        {
          "qom-type": "input-linux",
          id,
          evdev: source.dev,
          repeat: source.repeat,
          grab_all: source.grab === "all" ? true : undefined,
          "grab-toggle": source.grabToggle,
        },
      ],
    };
  }
  switch (bus) {
    case "ps2":
      // The board has a PS/2 keyboard and mouse.
      if (type === "tablet" || type === "passthrough")
        throw unsupported(`${path}/@bus`, `a ${type} cannot be on PS/2, use usb or virtio`);
      return {};
    case "usb":
      if (type === "passthrough") throw unsupported(`${path}/@bus`, "an event device is passed on by virtio");
      return {
        devices: [
          {
            driver: deviceDriver(
              c,
              { keyboard: "usb-kbd", mouse: "usb-mouse", tablet: "usb-tablet" }[type],
              path,
            ),
            id,
            ...usbPlace(c, input, path),
          },
        ],
      };
    case "virtio":
      return {
        devices: [
          {
            ...virtioDevice(c, type === "passthrough" ? "virtio-input-host" : `virtio-${type}`, input, path),
            id,
            evdev: type === "passthrough" ? source?.evdev : undefined,
          },
        ],
      };
    case "xen":
    case "parallels":
    case "none":
      throw unsupported(`${path}/@bus`, `an input device on the bus ${bus} is not supported`);
  }
}

function usualBus(type: Input["type"]): "usb" | "ps2" | "virtio" {
  if (type === "passthrough") return "virtio";
  return type === "tablet" ? "usb" : "ps2";
}
