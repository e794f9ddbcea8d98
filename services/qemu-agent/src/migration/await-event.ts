import type { QmpConnection } from "../qmp/connection.ts";
import type { QmpEvent } from "../qmp/events.ts";

/**
 * Starts to wait at once, so that it is called before the command that causes the event. Resolves with the event,
 * or with undefined when it has not come in time or the connection has ended.
 */
export function awaitEvent(
  qmp: QmpConnection,
  match: (event: QmpEvent) => boolean,
  timeoutMs: number,
): Promise<QmpEvent | undefined> {
  return new Promise((resolve) => {
    const finish = (event?: QmpEvent): void => {
      clearTimeout(timer);
      hearing[Symbol.dispose]();
      resolve(event);
    };
    const timer = setTimeout(finish, timeoutMs);
    const hearing = qmp.onEvent((event) => (match(event) ? finish(event) : undefined));
    void qmp.closed.then(() => finish());
  });
}
