import type { ConsumerMessages, DeliverPolicy, JsMsg } from "@nats-io/jetstream";
import { DeliverPolicy as Policy } from "@nats-io/jetstream";
import type { Session } from "./connection.ts";

export interface TailOptions {
  readonly stream: string;
  /** One subject, perhaps with wildcards: nats-server 2.9 knows no lists. */
  readonly subject: string;
  /** Sequence to begin with, or "last": the last message of each subject, then what comes. */
  readonly from: number | "last";
  /** Ends the tail when aborted. */
  readonly signal: AbortSignal;
  /** Waited for: the server sends at most a few hundred messages ahead. */
  readonly onMessage: (message: JsMsg) => void | Promise<void>;
  /** Once, when everything that was there at the beginning has been given. */
  readonly onCaughtUp: () => void | Promise<void>;
}

const AHEAD = 256;
/** So often the server says that it has nothing to give. */
const IDLE_HEARTBEAT_MS = 5_000;

/**
 * Gives the messages of a stream in order, without gaps, until the connection breaks or `signal` is aborted.
 * An ordered pull consumer: the server keeps no more of it than a cursor, and the reader's pace is the pace.
 */
export async function tail(session: Session, options: TailOptions): Promise<void> {
  const consumer = await session.js.consumers.get(options.stream, {
    filter_subjects: options.subject,
    ...start(options.from),
  });
  let backlog = (await consumer.info(true)).num_pending;
  let caughtUp = false;
  const catchUp = async (): Promise<void> => {
    if (caughtUp) return;
    caughtUp = true;
    await options.onCaughtUp();
  };
  const messages = await consumer.consume({ max_messages: AHEAD, idle_heartbeat: IDLE_HEARTBEAT_MS });
  const stop = (): void => messages.stop();
  options.signal.addEventListener("abort", stop, { once: true });
  if (options.signal.aborted) stop();
  const idle = whenIdle(messages, catchUp);
  try {
    if (backlog === 0) await catchUp();
    for await (const message of messages) {
      if (options.signal.aborted) return;
      await options.onMessage(message);
      backlog -= 1;
      // Counted too, and not only read off the message: a busy stream would move that end away for ever.
      if (backlog === 0 || message.info.pending === 0) await catchUp();
    }
  } finally {
    options.signal.removeEventListener("abort", stop);
    stop();
    await idle;
    if (!session.signal.aborted) await consumer.delete().catch(ignoreGoneConsumer);
  }
}

/**
 * Messages of the backlog may age out, or be replaced, before they are given: a server with nothing to give
 * has given all.
 */
async function whenIdle(messages: ConsumerMessages, then: () => Promise<void>): Promise<void> {
  for await (const status of messages.status()) {
    if (status.type === "heartbeat" && messages.getPending() === 0) await then();
  }
}

function start(from: number | "last"): { deliver_policy: DeliverPolicy; opt_start_seq?: number } {
  return from === "last"
    ? { deliver_policy: Policy.LastPerSubject }
    : { deliver_policy: Policy.StartSequence, opt_start_seq: Math.max(1, from) };
}

/** Deleting is a courtesy: the server forgets an ordered consumer that nobody reads after five minutes. */
function ignoreGoneConsumer(): false {
  return false;
}
