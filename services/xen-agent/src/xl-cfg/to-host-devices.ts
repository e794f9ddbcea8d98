import type { Hostdev } from "@virtmesh/documents/domain/devices/hostdev";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { joinFields } from "./fields.ts";
import { some } from "./to-machine.ts";
import { type Dialect, type Pair, unsupported } from "./setting.ts";

/** PCI devices of the host that the guest drives. */
export function pciSettings({ devices }: DomainDefinition, dialect: Dialect): readonly Pair[] {
  const all = devices.hostdevs.flatMap((hostdev) => (hostdev.type === "pci" ? [pci(hostdev, dialect)] : []));
  return some("pci", all);
}

function pci({ source, managed }: Extract<Hostdev, { readonly type: "pci" }>, dialect: Dialect): string {
  const { domain = 0, bus = 0, slot = 0, function: fn = 0 } = source.address;
  const hex = (n: number, digits: number) => n.toString(16).padStart(digits, "0");
  const permissive =
    source.writeFiltering === undefined ? "" : `,permissive=${source.writeFiltering ? 0 : 1}`;
  // xl takes the device away from its driver, and gives it back.
  const seize = managed === true && dialect === "xl" ? ",seize=1" : "";
  return `${hex(domain, 4)}:${hex(bus, 2)}:${hex(slot, 2)}.${fn}${permissive}${seize}`;
}

/** USB devices of the host, and the controllers that they are plugged into. @throws CONFIG_UNSUPPORTED */
export function usbSettings({ devices }: DomainDefinition): readonly Pair[] {
  const plugged = devices.hostdevs.flatMap((hostdev, i) =>
    hostdev.type === "usb" ? [usb(hostdev, `devices/hostdev[${i + 1}]`)] : [],
  );
  const controllers = devices.controllers.flatMap((controller, i) => {
    if (controller.type !== "usb") return [];
    const { model, ports } = controller;
    const path = `devices/controller[${i + 1}]`;
    if (model !== undefined && model !== "qusb1" && model !== "qusb2")
      throw unsupported(
        `a guest of Xen has USB controllers of the models qusb1 and qusb2, not ${model}`,
        path,
      );
    return [
      joinFields(
        [
          ["type", model === undefined ? undefined : "qusb"],
          ["version", model === undefined ? undefined : model === "qusb1" ? 1 : 2],
          ["ports", ports],
        ],
        path,
      ),
    ];
  });
  return [...some("usbdev", plugged), ...some("usbctrl", controllers)];
}

function usb({ source }: Extract<Hostdev, { readonly type: "usb" }>, path: string): string {
  const { bus, device } = source.address ?? {};
  if (bus === undefined || device === undefined)
    throw unsupported(
      "xl finds a USB device by its bus and number: name both in <address>",
      `${path}/source`,
    );
  return joinFields(
    [
      ["hostbus", bus],
      ["hostaddr", device],
    ],
    path,
  );
}
