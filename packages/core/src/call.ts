/** What every method of a driver gets last: who asks, until when, and how to stop. */
export interface Call {
  /** Aborted when the caller gave up or the deadline passed. */
  readonly signal: AbortSignal;
  /** When the caller stops waiting, in milliseconds since the epoch; undefined without a limit. */
  readonly deadline?: number;
  /** W3C traceparent of the call; empty without one. */
  readonly trace: string;
  /** Who asks: the name in the caller's certificate, or empty for the agent itself. */
  readonly actor: string;
  readonly requestId: string;
}

const NEVER = new AbortController().signal;

/** A call on the agent's own behalf: reattach, autostart, the end of a migration. */
export function ownCall(signal: AbortSignal = NEVER, trace = ""): Call {
  return { signal, trace, actor: "", requestId: "" };
}
