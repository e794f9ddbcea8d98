/** A fault that the server answered (vSphere Web Services SDK, "Faults"). */
export class VimFault extends Error {
  /** `InvalidLogin`, `NotAuthenticated`, `InvalidPowerState`, ... */
  readonly type: string;
  /** The call that was answered so; empty for the fault of a task. */
  readonly method: string;

  constructor(type: string, message: string, method = "") {
    super(message === "" ? type : message);
    this.name = "VimFault";
    this.type = type;
    this.method = method;
  }
}

/** What came is not what the protocol says. */
export class VimProtocolError extends Error {
  override readonly name = "VimProtocolError";
}

/** The server could not be reached, or the connection broke. What was asked may have happened or not. */
export class VimConnectionError extends Error {
  override readonly name = "VimConnectionError";
}

/** The server's certificate is not one that we were told to trust. */
export class VimCertificateError extends Error {
  override readonly name = "VimCertificateError";
}

/** By name, since `instanceof` fails between two copies of a module (test runners make them). */
export function isVimFault(e: unknown, type?: string): e is VimFault {
  return e instanceof Error && e.name === "VimFault" && (type === undefined || (e as VimFault).type === type);
}
