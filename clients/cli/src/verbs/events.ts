import {
  EventServiceService as service,
  WatchRequest,
  WatchResponse,
} from "@virtmesh/api/gen/virtmesh/v1/event";
import { VirtError } from "@virtmesh/core/errors";
import { EVENT_CLASSES, eventLine } from "../output/events.ts";
import { resolveTarget } from "../session.ts";
import type { Verb } from "../verb.ts";

const TIMED_OUT = Symbol("timed out");

export const event: Verb = {
  name: "event",
  group: "Events and operations",
  summary: "wait for something to happen and print it",
  args: [{ name: "domain", help: "only events of this guest", optional: true, completes: "domain" }],
  options: [
    {
      flags: "--event <class>",
      help: "only this class; may be repeated",
      choices: Object.keys(EVENT_CLASSES),
      repeatable: true,
    },
    { flags: "--all", help: "every class (the default)" },
    { flags: "--loop", help: "go on after the first event, until Ctrl-C" },
    { flags: "--timeout <seconds>", help: "stop after this long" },
    { flags: "--from <token>", help: "first replay what happened after this token" },
    { flags: "--tokens", help: "print the token to go on from after each event" },
    { flags: "--timestamp", help: "print when it happened" },
    { flags: "--list", help: "print the classes there are" },
  ],
  notes:
    "Every message of --json has its resumeToken. A gap (events lost because the token is too old) is said on standard error.",
  async run(session, given) {
    if (given.flag("list")) return session.terminal.print(Object.keys(EVENT_CLASSES).join("\n"));
    const classes = given.flag("all") ? [] : given.texts("event").map((name) => EVENT_CLASSES[name] ?? 0);
    const place =
      given.arg(0) === "" ? { uri: session.globals.connect } : await resolveTarget(session, given.arg(0));
    const seconds = given.number("timeout");
    const timeout = new AbortController();
    using timer = new Timer(seconds, () => timeout.abort(TIMED_OUT));
    const request = WatchRequest.fromPartial({ ...place, classes, resumeToken: given.text("from") });
    const signal = AbortSignal.any([session.signal, timeout.signal]);
    try {
      for await (const message of session.rpc.stream(service.watch, request, signal)) {
        if (message.kind?.$case === "gap")
          session.terminal.note(`events were lost: ${message.kind.value.reason}`);
        if (session.globals.json && message.kind?.$case !== "heartbeat")
          session.terminal.object(WatchResponse.toJSON(message));
        if (message.kind?.$case !== "event") continue;
        if (!session.globals.json) {
          session.terminal.print(eventLine(message.kind.value, given.flag("timestamp")));
          if (given.flag("tokens")) session.terminal.print(`token: ${message.resumeToken}`);
        }
        if (!given.flag("loop")) return;
      }
    } catch (e) {
      if (!timer.expired) throw e;
      // A loop that was given a time has done what was asked; a wait for one event has not.
      if (!given.flag("loop")) throw new VirtError("DEADLINE", `nothing happened within ${seconds} s`);
    }
  },
};

/** Acts once after a while; does nothing without one. */
class Timer implements Disposable {
  expired = false;
  readonly #handle: NodeJS.Timeout | undefined;

  constructor(seconds: number | undefined, act: () => void) {
    if (seconds === undefined) return;
    this.#handle = setTimeout(() => {
      this.expired = true;
      act();
    }, seconds * 1000);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#handle);
  }
}
