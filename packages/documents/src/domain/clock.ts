import { int, nonEmpty, oneOf, signed, yesNo } from "../schema/kinds.ts";
import { attribute, child, maybe, optional, repeated } from "../schema/parts.ts";
import type { ModelOf } from "../schema/schema.ts";
import { choice, element } from "../schema/schema.ts";

const timerSchema = element({
  name: attribute(
    "name",
    oneOf("platform", "hpet", "kvmclock", "hypervclock", "pit", "rtc", "tsc", "armvtimer"),
  ),
  present: maybe("present", yesNo),
  tickpolicy: maybe("tickpolicy", oneOf("delay", "catchup", "merge", "discard")),
  track: maybe("track", oneOf("boot", "guest", "wall", "realtime")),
  frequency: maybe("frequency", int(1)),
  mode: maybe("mode", oneOf("auto", "native", "emulate", "paravirt", "smpsafe")),
  catchup: optional(
    child(
      "catchup",
      element({
        threshold: maybe("threshold", int()),
        slew: maybe("slew", int()),
        limit: maybe("limit", int()),
      }),
    ),
  ),
});

const timers = { timers: repeated("timer", timerSchema) } as const;
/** Seconds, or `reset` (of the whole clock at start). */
const adjustment = { adjustment: maybe("adjustment", nonEmpty) } as const;

export const clockSchema = choice(
  "offset",
  {
    utc: { ...adjustment, ...timers },
    localtime: { ...adjustment, ...timers },
    timezone: { timezone: maybe("timezone", nonEmpty), ...timers },
    variable: {
      adjustment: maybe("adjustment", int(Number.MIN_SAFE_INTEGER)),
      basis: maybe("basis", oneOf("utc", "localtime")),
      /** The adjustment at the start; only in the state of running guests. */
      adjustment0: maybe("adjustment0", signed),
      ...timers,
    },
    absolute: { start: attribute("start", int()), ...timers },
  },
  { fallback: "utc" },
);

export type Clock = ModelOf<typeof clockSchema>;
export type Timer = ModelOf<typeof timerSchema>;
