/** How long an operation on NATS may take; both limits end it, whichever comes first. */
export interface Bounds {
  readonly signal?: AbortSignal;
  /** Milliseconds, counted from the call; the time spent waiting for a connection is part of it. */
  readonly timeoutMs?: number;
}

export const DEFAULT_TIMEOUT_MS = 3_000;
