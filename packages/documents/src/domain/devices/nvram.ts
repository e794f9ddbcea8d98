import { nonEmpty, oneOf } from "../../schema/kinds.ts";
import { amountChild, attribute, textChild } from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { element } from "../../schema/schema.ts";
import { deviceInfo } from "./common.ts";

/** Memory that keeps its content, of pSeries. */
export const nvramSchema = element(deviceInfo);

/** Where a guest's kernel leaves its last words. */
export const pstoreSchema = element({
  backend: attribute("backend", oneOf("acpi-erst")),
  path: textChild("path", nonEmpty),
  size: amountChild("size"),
  ...deviceInfo,
});

export type Nvram = ModelOf<typeof nvramSchema>;
export type Pstore = ModelOf<typeof pstoreSchema>;
