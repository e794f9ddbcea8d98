import { at, childrenOf, flagAt, textAt, type VimNode } from "../vim/node.ts";
import type { Properties } from "./patch.ts";

/** Ids of the guests that a host starts when it boots (HostAutoStartManagerConfig). */
export function startingWith(host: Properties | undefined): ReadonlySet<string> {
  const config = host?.get("config.autoStart");
  return isEnabled(config) ? listed(config) : new Set();
}

/** Whether the host starts any guest at all. */
export function isEnabled(config: VimNode | undefined): boolean {
  return flagAt(at(config, "defaults"), "enabled") === true;
}

/** Those that it is to start, whether it starts any or not. */
export function listed(config: VimNode | undefined): ReadonlySet<string> {
  const starting = childrenOf(config, "powerInfo").filter(
    (each) => textAt(each, "startAction")?.toLowerCase() === "poweron",
  );
  return new Set(starting.map((each) => textAt(each, "key") ?? ""));
}
