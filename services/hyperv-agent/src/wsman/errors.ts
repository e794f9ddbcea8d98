/** What went wrong, as a fault says it (DSP0226, 14; MS-WSMV 2.2.4.43). */
export interface FaultFacts {
  /** Local name of the subcode: `TimedOut`, `DestinationUnreachable`, `AccessDenied`, ... */
  readonly subcode: string;
  /** Microsoft's code (`WSManFault/@Code`), as 2150858793; 0 without one. */
  readonly code: number;
  readonly message: string;
}

/** A fault that the server answered. */
export class WsmanFault extends Error {
  override readonly name = "WsmanFault";
  readonly subcode: string;
  readonly code: number;
  /** The action that was answered so. */
  readonly action: string;

  constructor({ subcode, code, message }: FaultFacts, action: string) {
    super(message);
    this.subcode = subcode;
    this.code = code;
    this.action = action;
  }
}

/** What came is not what the protocol says. */
export class WsmanProtocolError extends Error {
  override readonly name = "WsmanProtocolError";
}

/** The server could not be reached, or the connection broke. What was asked may have happened or not. */
export class WsmanConnectionError extends Error {
  override readonly name = "WsmanConnectionError";
}

/** The server's certificate is not one that we were told to trust. */
export class WsmanCertificateError extends Error {
  override readonly name = "WsmanCertificateError";
}

/** The server does not let this user in, or offers no way of logging in that we know. */
export class WsmanLoginError extends Error {
  override readonly name = "WsmanLoginError";
}

/** "The operation timed out": to a waiting Pull this only says that nothing has come yet (MS-WSMV 3.1.4.14). */
const TIMED_OUT = 2150858793;

/** By name, since `instanceof` fails between two copies of a module (test runners make them). */
export function isWsmanFault(e: unknown, ...subcodes: readonly string[]): e is WsmanFault {
  return (
    typeof e === "object" &&
    e !== null &&
    "name" in e &&
    e.name === "WsmanFault" &&
    (subcodes.length === 0 || subcodes.includes((e as WsmanFault).subcode))
  );
}

export function isTimedOut(e: unknown): boolean {
  return isWsmanFault(e, "TimedOut") || (isWsmanFault(e) && e.code === TIMED_OUT);
}
