import type { Clock, Timer } from "@virtmesh/documents/domain/clock";
import { unsupported } from "./arguments.ts";
import type { BuildContext } from "./context.ts";
import type { Runtime } from "./runtime.ts";

/** -rtc, and what becomes of ticks that the guest missed. */
export function clockArguments(c: BuildContext): void {
  const { definition, runtime, args } = c;
  const clock: Clock = definition.clock ?? { offset: "utc", timers: [] };
  const rtc = clock.timers.find((t) => t.name === "rtc");
  args.options("-rtc", undefined, {
    base: base(clock, runtime),
    clock: rtc === undefined ? undefined : rtcClock(rtc),
    driftfix: rtc?.tickpolicy === "catchup" ? "slew" : undefined,
  });
  for (const [i, timer] of clock.timers.entries()) checkTimer(timer, `clock/timer[${i + 1}]`);
  const pit = clock.timers.find((t) => t.name === "pit")?.tickpolicy;
  if (pit !== undefined && runtime.accelerator === "kvm") {
    args.options("-global", undefined, { driver: "kvm-pit", property: "lost_tick_policy", value: pit });
  }
}

function base(clock: Clock, { startTimeMs: nowMs, utcOffsetMs }: Runtime): string {
  switch (clock.offset) {
    case "utc":
    case "localtime": {
      if (clock.adjustment === undefined || clock.adjustment === "reset") return clock.offset;
      const seconds = Number(clock.adjustment);
      if (!Number.isSafeInteger(seconds))
        throw unsupported("clock/@adjustment", `"${clock.adjustment}" is no number of seconds`);
      if (clock.offset === "localtime")
        throw unsupported("clock/@adjustment", "a local time cannot be adjusted, use variable");
      return isoTime(nowMs + seconds * 1000);
    }
    case "variable":
      return isoTime(
        nowMs + (clock.adjustment ?? 0) * 1000 + (clock.basis === "localtime" ? utcOffsetMs : 0),
      );
    case "absolute":
      return isoTime(clock.start * 1000);
    case "timezone":
      // The zone itself is told to QEMU by its environment.
      return "localtime";
  }
}

/** QEMU takes seconds without a zone. */
function isoTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, "2026-01-01T00:00:00".length);
}

function rtcClock(timer: Timer): string | undefined {
  switch (timer.track) {
    case "guest":
      return "vm";
    case "wall":
    case "realtime":
      return "host";
    case "boot":
    case undefined:
      return undefined;
  }
}

function checkTimer(timer: Timer, path: string): void {
  if (timer.catchup !== undefined)
    throw unsupported(`${path}/catchup`, "limits of catching up are not supported");
  if (timer.name === "platform" || timer.name === "armvtimer")
    throw unsupported(`${path}/@name`, `x86 has no timer ${timer.name}`);
  if ((timer.name === "pit" || timer.name === "rtc") && timer.present === false) {
    throw unsupported(`${path}/@present`, `a guest without the timer ${timer.name} is not supported`);
  }
  if (timer.mode !== undefined) throw unsupported(`${path}/@mode`, "modes of timers are not supported");
  const { tickpolicy } = timer;
  if (tickpolicy === undefined) return;
  const taken =
    (timer.name === "rtc" && (tickpolicy === "catchup" || tickpolicy === "delay")) ||
    (timer.name === "pit" && (tickpolicy === "delay" || tickpolicy === "discard"));
  if (!taken)
    throw unsupported(`${path}/@tickpolicy`, `${timer.name} cannot ${tickpolicy} missed ticks here`);
}
