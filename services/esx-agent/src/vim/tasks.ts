import type { Reference, VimObject } from "./encode.ts";
import { VimConnectionError } from "./errors.ts";
import { at, childOf, numberAt, textAt, type VimNode } from "./node.ts";
import { localizedFault, referenceOf, type VimSession } from "./session.ts";
import { watchUpdates } from "./updates.ts";

export interface TaskOptions {
  readonly signal: AbortSignal;
  /** The server has begun, and calls it so. */
  readonly onTask?: (task: Reference) => void;
  /** 0 to 100, as the server tells it. */
  readonly onProgress?: (percent: number) => void;
}

/** A PropertyFilterSpec for some properties of one object. */
export function filterOf(object: Reference, paths: readonly string[]): VimObject {
  return { propSet: { type: object.type, pathSet: paths }, objectSet: { obj: object } };
}

/**
 * Starts a task (a method ending in `_Task`) and resolves with its result when it has ended, as the server's
 * stream of changes tells. @throws the task's fault; VimConnectionError when its end can no longer be learnt
 */
export async function runTask(
  session: VimSession,
  method: string,
  self: Reference,
  args: VimObject,
  options: TaskOptions,
): Promise<VimNode | undefined> {
  const answer = await session.call(method, self, args, { signal: options.signal });
  const task = childOf(answer, "returnval");
  if (task === undefined)
    throw new VimConnectionError(`${session.address} started ${method} and named no task`);
  options.onTask?.(referenceOf(task));
  return followTask(session, referenceOf(task), options);
}

/** The same for a task that somebody has started. */
export async function followTask(
  session: VimSession,
  task: Reference,
  { signal, onProgress }: TaskOptions,
): Promise<VimNode | undefined> {
  const done = new AbortController();
  let end: { readonly info: VimNode } | undefined;
  await watchUpdates(
    session,
    filterOf(task, ["info"]),
    {
      restart: () => undefined,
      update: ({ changes }) => {
        for (const { value } of changes) {
          const state = textAt(value, "state");
          if (value !== undefined && (state === "success" || state === "error")) {
            end = { info: value };
            done.abort();
          } else onProgress?.(numberAt(value, "progress") ?? 0);
        }
      },
      synced: () => undefined,
      interrupted: () => undefined,
    },
    AbortSignal.any([signal, done.signal]),
  );
  signal.throwIfAborted();
  if (end === undefined) throw new VimConnectionError(`${session.address} has forgotten ${task.value}`);
  const error = at(end.info, "error");
  if (error !== undefined) throw localizedFault(error);
  return at(end.info, "result");
}
