import { execFile } from "node:child_process";
import { promisify } from "node:util";

/**
 * Tells systemd about the state of this process (`READY=1`, `STOPPING=1`, `STATUS=...`) when it started us with
 * Type=notify; otherwise does nothing. Node has no datagram sockets of the unix family, hence the program
 * systemd-notify; the unit needs `NotifyAccess=all`, since the message comes from a child. The watchdog is left
 * to `Restart=` and the health service: pinging it would need a timer that proves nothing.
 */
export async function notifySystemd(signal: AbortSignal, ...states: readonly string[]): Promise<void> {
  if (!process.env["NOTIFY_SOCKET"]) return;
  await promisify(execFile)("systemd-notify", [`--pid=${process.pid}`, ...states], { signal });
}
