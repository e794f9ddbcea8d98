import { nonEmpty, oneOf } from "../../schema/kinds.ts";
import { attribute, maybe } from "../../schema/parts.ts";
import { element } from "../../schema/schema.ts";

/** A card that stays while the other of the team is away during a migration. */
export const teamingSchema = element({
  type: attribute("type", oneOf("persistent", "transient")),
  persistent: maybe("persistent", nonEmpty),
});
