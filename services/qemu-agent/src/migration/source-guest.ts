import type { ExpectedJob } from "../domain/jobs.ts";
import type { QmpConnection } from "../qmp/connection.ts";

/** What the source's half needs of a running guest. */
export interface SourceGuest {
  readonly qmp: QmpConnection;
  /** Resolves with why, when its process has ended. */
  readonly exited: Promise<string>;
  /** Its process waits for somebody to answer it, or has just been answered on that port of another host. */
  isConnecting(port: number): Promise<boolean>;
  expectJob(job: ExpectedJob): void;
  forgetJob(id: string): void;
  /** From here on its CPUs go on by the hand of its migration alone, until it is `released`. */
  standStill(): void;
  /** Ends the process; the guest runs elsewhere. Removes the definition too if asked. */
  retire(undefine: boolean): Promise<void>;
  /** Ends the process at once: a crash. */
  kill(): Promise<void>;
  /** The migration is over, and the guest stayed. */
  released(): Promise<void>;
}
