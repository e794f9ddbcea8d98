import { hex, int, nonEmpty, onOff } from "../../schema/kinds.ts";
import { attributeChild, child, maybe, optional } from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { choice, element } from "../../schema/schema.ts";
import { deviceInfo, virtioDriver } from "./common.ts";

const common = { index: maybe("index", int()), model: maybe("model", nonEmpty) } as const;

const driver = {
  driver: optional(
    child(
      "driver",
      element({
        queues: maybe("queues", int(1)),
        cmdPerLun: maybe("cmd_per_lun", int(1)),
        maxSectors: maybe("max_sectors", int(1)),
        ioeventfd: maybe("ioeventfd", onOff),
        iothread: maybe("iothread", int(1)),
        ...virtioDriver,
      }),
    ),
  ),
} as const;

const simple = { ...common, ...driver, ...deviceInfo } as const;

/** Buses that devices are plugged into. */
export const controllerSchema = choice("type", {
  usb: {
    ...common,
    ports: maybe("ports", int(1, 15)),
    ...driver,
    master: optional(attributeChild("master", "startport", int())),
    ...deviceInfo,
  },
  scsi: simple,
  sata: { ...common, ports: maybe("ports", int(1)), ...driver, ...deviceInfo },
  ide: simple,
  fdc: simple,
  ccid: simple,
  xenbus: { ...common, maxGrantFrames: maybe("maxGrantFrames", int(1)), ...driver, ...deviceInfo },
  isa: simple,
  "virtio-serial": {
    ...common,
    ports: maybe("ports", int(1)),
    vectors: maybe("vectors", int(0)),
    ...driver,
    ...deviceInfo,
  },
  pci: {
    ...common,
    modelName: optional(attributeChild("model", "name", nonEmpty)),
    target: optional(
      child(
        "target",
        element({
          chassisNr: maybe("chassisNr", int(0, 255)),
          chassis: maybe("chassis", int(0, 255)),
          port: maybe("port", hex(0xff, 1)),
          busNr: maybe("busNr", int(0, 254)),
          index: maybe("index", int(0, 30)),
          hotplug: maybe("hotplug", onOff),
        }),
      ),
    ),
    ...driver,
    ...deviceInfo,
  },
});

export type Controller = ModelOf<typeof controllerSchema>;
