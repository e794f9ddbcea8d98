import { oneOf } from "../../schema/kinds.ts";
import { attribute } from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { element } from "../../schema/schema.ts";
import { deviceInfo } from "./common.ts";

/** Gives one port of a bus several. */
export const hubSchema = element({ type: attribute("type", oneOf("usb")), ...deviceInfo });

export type Hub = ModelOf<typeof hubSchema>;
