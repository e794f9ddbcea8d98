import { int, oneOf, onOff } from "../../schema/kinds.ts";
import { amountAttribute, attribute, child, maybe, optional } from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { element } from "../../schema/schema.ts";
import { deviceInfo } from "./common.ts";

/** By which a guest confines its own devices. */
export const iommuSchema = element({
  model: attribute("model", oneOf("intel", "smmuv3", "virtio", "amd", "smmuv3Dev")),
  driver: optional(
    child(
      "driver",
      element({
        intremap: maybe("intremap", onOff),
        cachingMode: maybe("caching_mode", onOff),
        eim: maybe("eim", onOff),
        iotlb: maybe("iotlb", onOff),
        awBits: maybe("aw_bits", int(1)),
        dmaTranslation: maybe("dma_translation", onOff),
        passthrough: maybe("passthrough", onOff),
        xtsup: maybe("xtsup", onOff),
        pciBus: maybe("pciBus", int()),
        accel: maybe("accel", onOff),
        ats: maybe("ats", onOff),
        ril: maybe("ril", onOff),
        pasid: maybe("pasid", onOff),
        oas: maybe("oas", int()),
        /** The least that is mapped: a size, or the host's. */
        granule: optional(
          child(
            "granule",
            element({ mode: maybe("mode", oneOf("host")), bytes: optional(amountAttribute("size")) }),
          ),
        ),
      }),
    ),
  ),
  ...deviceInfo,
});

export type Iommu = ModelOf<typeof iommuSchema>;
