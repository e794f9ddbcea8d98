import { oneOf } from "../../schema/kinds.ts";
import { attribute, maybe } from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { element } from "../../schema/schema.ts";
import { deviceInfo } from "./common.ts";

export const watchdogSchema = element({
  model: attribute("model", oneOf("i6300esb", "ib700", "diag288", "itco")),
  action: maybe("action", oneOf("reset", "shutdown", "poweroff", "pause", "dump", "none", "inject-nmi")),
  ...deviceInfo,
});

export type Watchdog = ModelOf<typeof watchdogSchema>;
