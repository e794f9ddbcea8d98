import type { Controller } from "@virtmesh/documents/domain/devices/controller";
import type { Hostdev } from "@virtmesh/documents/domain/devices/hostdev";
import { Fields, type Item, type Settings } from "./settings.ts";
import { invalid } from "./setting.ts";

/** PCI devices of the host that the guest drives. @throws CONFIG_INVALID */
export function pciOf(settings: Settings): readonly Hostdev[] {
  return settings.list("pci").map(({ text, line }) => {
    const [, domain = "0", bus, slot, fn, options] =
      /^(?:([0-9a-f]{1,4}):)?([0-9a-f]{1,2}):([01]?[0-9a-f])\.([0-7])(?:,(.*))?$/i.exec(text) ?? [];
    if (bus === undefined || slot === undefined || fn === undefined)
      throw invalid(line, `"${text}" is no PCI device such as 0000:01:1a.1`);
    const flags = options === undefined ? undefined : new Fields({ text: options, line }, "a device of pci");
    const permissive = flags?.number("permissive");
    const seize = flags?.number("seize");
    flags?.end();
    const hex = (digits: string) => Number.parseInt(digits, 16);
    return {
      ...{ type: "pci", mode: "subsystem", managed: (seize ?? 0) !== 0 },
      source: {
        ...(permissive === undefined ? {} : { writeFiltering: permissive === 0 }),
        address: { domain: hex(domain), bus: hex(bus), slot: hex(slot), function: hex(fn) },
      },
    };
  });
}

/** USB devices of the host. @throws CONFIG_INVALID */
export function usbOf(settings: Settings): readonly Hostdev[] {
  return settings.list("usbdev").map((item) => {
    const fields = new Fields(item, "a device of usbdev");
    const type = fields.take("type") ?? "hostdev";
    const bus = fields.number("hostbus");
    const device = fields.number("hostaddr");
    fields.end();
    if (type !== "hostdev" || bus === undefined || device === undefined)
      throw fields.wrong(`"${item.text}" does not name a device of the host by hostbus and hostaddr`);
    return { type: "usb", mode: "subsystem", managed: false, source: { address: { bus, device } } };
  });
}

/** What they are plugged into. @throws CONFIG_INVALID */
export function usbControllersOf(settings: Settings): readonly Controller[] {
  return settings.list("usbctrl").map(usbController);
}

function usbController(item: Item): Controller {
  const fields = new Fields(item, "a controller of usbctrl");
  const type = fields.take("type") ?? "qusb";
  const version = fields.number("version") ?? 2;
  const ports = fields.number("ports") ?? 8;
  fields.end();
  if (!["auto", "pv", "qusb"].includes(type) || (version !== 1 && version !== 2))
    throw fields.wrong("a controller of usbctrl is of the type qusb and the version 1 or 2");
  return { type: "usb", model: version === 1 ? "qusb1" : "qusb2", ports };
}
