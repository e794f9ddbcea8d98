import { oneOf } from "../../schema/kinds.ts";
import { maybe } from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { element } from "../../schema/schema.ts";
import { deviceInfo } from "./common.ts";

/** By which a guest tells that it has crashed. */
export const panicSchema = element({
  model: maybe("model", oneOf("isa", "pseries", "hyperv", "s390", "pvpanic")),
  ...deviceInfo,
});

export type Panic = ModelOf<typeof panicSchema>;
