import type { Kind } from "../../schema/kinds.ts";
import { hex, nonEmpty, oneOf, yesNo } from "../../schema/kinds.ts";
import { attribute, maybe, repeated } from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { choice, element } from "../../schema/schema.ts";
import { chardevEnds } from "./chardev.ts";
import { bootOrder, deviceInfo } from "./common.ts";

/** A number of USB, or -1 for any. libvirt writes the digits in capitals. */
function usbNumber(digits: number): Kind<number> {
  const number = hex(16 ** digits - 1, digits);
  return {
    expected: `${number.expected}, or -1 for any`,
    texts: { from: -1n, to: BigInt(16 ** digits - 1) },
    parse: (t) => (t.trim() === "-1" ? -1 : number.parse(t)),
    format: (v) => (v === -1 ? "-1" : `0x${v.toString(16).toUpperCase().padStart(digits, "0")}`),
  };
}

/** A USB device that a viewer of the guest passes on. */
export const redirdevSchema = choice(
  "type",
  chardevEnds({
    ...bootOrder,
    ...deviceInfo,
  }),
  { before: { bus: attribute("bus", oneOf("usb")) } },
);

/** Which USB devices viewers may pass on; the first that fits decides. */
export const redirfilterSchema = element({
  devices: repeated(
    "usbdev",
    element({
      class: maybe("class", usbNumber(2)),
      vendor: maybe("vendor", usbNumber(4)),
      product: maybe("product", usbNumber(4)),
      version: maybe("version", nonEmpty),
      allow: attribute("allow", yesNo),
    }),
  ),
});

export type Redirdev = ModelOf<typeof redirdevSchema>;
export type Redirfilter = ModelOf<typeof redirfilterSchema>;
