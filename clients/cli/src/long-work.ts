import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import { VirtError } from "@virtmesh/core/errors";
import { cancelOperation, followOperation, operationJson, throwIfFailed } from "./operations.ts";
import type { Session } from "./session.ts";

/** What must still be said after Ctrl-C is said with this. */
export const NEVER = new AbortController().signal;

export interface FollowOptions {
  readonly uri: string;
  /** What is said at the first Ctrl-C, and what the command fails with at the second. */
  readonly cancelling: string;
  readonly left: (operation: string) => string;
  readonly onChange?: (operation: Operation) => void;
}

/** Follows work to its end. Ctrl-C asks it to stop and goes on waiting for what comes of it; a second Ctrl-C leaves it alone. */
export async function followOrCancel(
  session: Session,
  begin: Promise<Operation>,
  options: FollowOptions,
): Promise<Operation> {
  const { uri } = options;
  const leave = new AbortController();
  const cancelled = Promise.withResolvers<never>();
  cancelled.promise.catch(() => undefined);
  let name = "";
  let wanted = 0;
  const cancel = (): void => {
    session.terminal.note(options.cancelling);
    cancelOperation(session, uri, name, NEVER).catch(cancelled.reject);
  };
  using _interrupt = session.onInterrupt(() => {
    wanted++;
    if (wanted > 1) leave.abort(new VirtError("CANCELLED", options.left(name)));
    else if (name !== "") cancel();
  });
  const operation = await begin;
  ({ name } = operation);
  if (wanted > 0) cancel();
  if (operation.done) return operation;
  const onChange = options.onChange ?? (() => undefined);
  const ended = followOperation(session, { uri, name, begun: true }, onChange, leave.signal);
  try {
    return await Promise.race([ended, cancelled.promise]);
  } catch (e) {
    throw leave.signal.aborted ? leave.signal.reason : e;
  }
}

/** Begins long work and sees it through: its sentence or JSON when it went well, its error when not. */
export async function perform(
  session: Session,
  uri: string,
  begin: Promise<Operation>,
  done: string,
): Promise<Operation> {
  const ended = await followOrCancel(session, begin, {
    uri,
    cancelling: "cancelling; waiting for what comes of it (Ctrl-C again leaves it alone)",
    left: (name) => `it goes on without you; \`virtmesh operations wait ${name}\` follows it`,
  });
  if (session.globals.json) session.terminal.object(operationJson(ended));
  throwIfFailed(ended);
  if (done !== "") session.terminal.say(done);
  return ended;
}
