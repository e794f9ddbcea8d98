import { int, nonEmpty } from "../../schema/kinds.ts";
import { attribute, child, inline, maybe, optional, ownText } from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { choice, element } from "../../schema/schema.ts";
import { chardevSourceSchema } from "./chardev.ts";
import { deviceInfo, virtioDriverChild, virtioModel } from "./common.ts";

/** A source of random numbers. */
export const rngSchema = element({
  model: attribute("model", virtioModel),
  rate: optional(
    child("rate", element({ bytes: attribute("bytes", int(1)), period: maybe("period", int(1)) })),
  ),
  backend: child(
    "backend",
    choice("model", {
      random: { path: optional(ownText(nonEmpty)) },
      egd: { source: inline(chardevSourceSchema) },
      builtin: {},
    }),
  ),
  ...virtioDriverChild,
  ...deviceInfo,
});

export type Rng = ModelOf<typeof rngSchema>;
