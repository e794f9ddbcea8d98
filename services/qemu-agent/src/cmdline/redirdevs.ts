import type { Redirdev, Redirfilter } from "@virtmesh/documents/domain/devices/redirdev";
import { usbPlace } from "./buses.ts";
import { chardevBackend } from "./chardev-backends.ts";
import type { BuildContext, DeviceContext } from "./context.ts";
import { deviceDriver, idOf } from "./context.ts";
import type { DeviceParts } from "./parts.ts";
import { addParts, joinParts } from "./parts.ts";

export function redirdevArguments(c: BuildContext): void {
  for (const [i, redirdev] of c.definition.devices.redirdevs.entries())
    addParts(c.args, redirdevParts(c, redirdev, i));
}

/** A USB device that a viewer of the guest passes on. */
export function redirdevParts(c: DeviceContext, redirdev: Redirdev, index: number): DeviceParts {
  const path = `devices/redirdev[${index + 1}]`;
  const id = idOf(redirdev, `redir${index}`);
  const chardev = `char${id}`;
  const { redirfilter } = c.definition.devices;
  const host = chardevBackend(c, redirdev, {
    id: chardev,
    path,
    socket: `${id}.sock`,
    spiceName: "usbredir",
  });
  return joinParts(host, {
    devices: [
      {
        driver: deviceDriver(c, "usb-redir", path),
        chardev,
        id,
        filter: redirfilter === undefined ? undefined : filterText(redirfilter),
        bootindex: redirdev.boot?.order,
        ...usbPlace(c, redirdev, path),
      },
    ],
  });
}

/** Rules as usbredir reads them: `class:vendor:product:version:allow|...`. */
function filterText({ devices }: Redirfilter): string {
  const number = (n: number | undefined, width: number) =>
    n === undefined || n < 0 ? "-1" : `0x${n.toString(16).toUpperCase().padStart(width, "0")}`;
  return devices
    .map((rule) =>
      [
        number(rule.class, 2),
        number(rule.vendor, 4),
        number(rule.product, 4),
        version(rule.version),
        rule.allow ? "1" : "0",
      ].join(":"),
    )
    .join("|");
}

/** `1.10` is 0x0110. */
function version(text: string | undefined): string {
  if (text === undefined || text === "-1") return "-1";
  const [major = "0", minor = "0"] = text.split(".");
  return `0x${major.padStart(2, "0")}${minor.padEnd(2, "0")}`;
}
