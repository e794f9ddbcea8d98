import type { Controller } from "@virtmesh/documents/domain/devices/controller";
import { unsupported, type Json } from "./arguments.ts";
import type { DeviceContext, Placed } from "./context.ts";
import { idOf } from "./context.ts";

/** Id of a controller; its bus is `<id>.0`. */
export function controllerId(controller: Controller): string {
  const { index = 0 } = controller;
  switch (controller.type) {
    case "pci":
      return idOf(controller, `pci.${index}`);
    case "usb":
      return idOf(controller, index === 0 ? "usb" : `usb${index}`);
    case "ide":
      return idOf(controller, index === 0 ? "ide" : `ide${index}`);
    default:
      return idOf(controller, `${controller.type}${index}`);
  }
}

/** Id of the controller of that type and number, whether the definition names it or not. */
export function busOwner({ definition }: DeviceContext, type: Controller["type"], index: number): string {
  const owners = definition.devices.controllers.filter((c) => c.type === type && (c.index ?? 0) === index);
  // Companions of an EHCI controller have its number and no bus of their own.
  const owner = owners.find((c) => c.type !== "usb" || c.master === undefined) ?? owners[0];
  return owner === undefined ? controllerId({ type, index }) : controllerId(owner);
}

/** Where a USB device is plugged in. */
export function usbPlace(c: DeviceContext, { address }: Placed, path: string): Json {
  if (address !== undefined && address.type !== "usb")
    throw unsupported(`${path}/address`, `a USB device cannot have an address of type ${address.type}`);
  return { bus: `${busOwner(c, "usb", address?.bus ?? 0)}.0`, port: address?.port };
}

/** Where a device of a virtio-serial controller is plugged in. */
export function serialBus(c: DeviceContext, controller: number, bus: number): string {
  return `${busOwner(c, "virtio-serial", controller)}.${bus}`;
}
