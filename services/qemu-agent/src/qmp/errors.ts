/** Why a QMP command has no result. */
export type QmpFailure =
  /** QEMU refused it: `class` and `desc` are QEMU's. */
  | "refused"
  /** The connection ended before the answer. */
  | "closed"
  /** No answer within the time given; QEMU may still carry it out. */
  | "timeout"
  /** The caller gave up; QEMU may still carry it out, unless it was never sent. */
  | "aborted"
  /** The answer was truncated, malformed or too long; the connection is of no use any more. */
  | "protocol";

/** The only error of this folder. `desc` is QEMU's own sentence, or ours when QEMU said nothing. */
export class QmpError extends Error {
  readonly failure: QmpFailure;
  /** The command it is about; empty when it is about the connection. */
  readonly command: string;
  /** QEMU's error class (`GenericError`, `CommandNotFound`, `DeviceNotFound`, ...); empty unless refused. */
  readonly errorClass: string;
  readonly desc: string;

  constructor(failure: QmpFailure, command: string, desc: string, errorClass = "", options?: ErrorOptions) {
    super(command === "" ? desc : `${command}: ${desc}`, options);
    this.name = "QmpError";
    this.failure = failure;
    this.command = command;
    this.desc = desc;
    this.errorClass = errorClass;
  }
}
