/** A method that answered with another code than "done" or "a job was started", or a job that failed. */
export class HypervError extends Error {
  override readonly name = "HypervError";
  /** Of the method (32768 and on), or of the job. */
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** By name, since `instanceof` fails between two copies of a module (test runners make them). */
export function isHypervError(e: unknown): e is HypervError {
  return typeof e === "object" && e !== null && "name" in e && e.name === "HypervError";
}

/** Return values that Hyper-V's methods share (Msvm_VirtualSystemManagementService, "Return value"). */
const SENTENCES: Readonly<Record<number, string>> = {
  1: "the method is not supported",
  32768: "it failed",
  32769: "access was denied",
  32770: "it is not supported",
  32771: "its status is unknown",
  32772: "it took too long",
  32773: "a parameter is invalid",
  32774: "the system is in use",
  32775: "the system is not in a state for this",
  32776: "a data type is wrong",
  32777: "the system is not available",
  32778: "there is not enough memory",
  32779: "a file was not found",
};

export function returnError(method: string, code: number): HypervError {
  return new HypervError(code, `${method} answered ${code}: ${SENTENCES[code] ?? "an error of its own"}`);
}
