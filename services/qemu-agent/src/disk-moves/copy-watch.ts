import type { SourceHypervisorFact } from "@virtmesh/core/migration/facts";
import type { Guest } from "../domain/guest.ts";
import { MirrorWatch } from "../migration/mirror-watch.ts";
import type { QmpJob } from "../qmp/commands.ts";
import type { QmpConnection } from "../qmp/connection.ts";
import type { QmpEvent } from "../qmp/events.ts";

export type CopyFact =
  | Extract<SourceHypervisorFact, { fact: "mirrorReady" | "mirrorFailed" | "mirrorConcluded" }>
  /** The pivot takes too long. */
  | { readonly fact: "late" }
  /** The connection to QEMU broke: events may have been missed. */
  | { readonly fact: "disconnected" }
  | { readonly fact: "exited" };

const WHAT_FAILED = {
  read: "the old image could not be read: ",
  write: "the new image could not be written: ",
} as const;

/** What happens to the copy of one disk, in the order in which it happened, for one reader. */
export class CopyWatch {
  readonly #job: string;
  readonly #mirror: MirrorWatch;
  readonly #facts: CopyFact[] = [];
  #wake: () => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;
  #blamed: string | undefined;
  #said: string | undefined;
  #cancelled = false;
  #ours = false;
  /** What failed first, when something did. */
  #failing: "read" | "write" | undefined;

  constructor(job: string, disk: string) {
    this.#job = job;
    this.#mirror = new MirrorWatch(new Map([[job, disk]]));
  }

  /** Why it fails, where that is known: what was blamed, or else what QEMU said as the job ended. */
  get why(): string | undefined {
    return this.#blamed ?? this.#said;
  }

  blame(why: string): void {
    this.#blamed ??= why;
  }

  /** Somebody else cancelled the job. */
  get wasCancelled(): boolean {
    return this.#cancelled;
  }

  /** From here on a cancelled job is our own doing. */
  endsByUs(): void {
    this.#ours = true;
  }

  /** A failure waits to be read. */
  get hasFailed(): boolean {
    return this.#facts.some(({ fact }) => fact === "mirrorFailed" || fact === "exited");
  }

  listen(guest: Guest): Disposable {
    const { running } = guest;
    const hearing = running.onQmpEvent((event) => this.#observe(event));
    void running.exited.then(() => this.#tell({ fact: "exited" }));
    return {
      [Symbol.dispose]: () => {
        hearing[Symbol.dispose]();
        clearTimeout(this.#timer);
      },
    };
  }

  /** As long as it is not disposed, the end of this connection is told. */
  expectConnectionEnd(qmp: QmpConnection): Disposable {
    let wanted = true;
    void qmp.closed.then(() => (wanted ? this.#tell({ fact: "disconnected" }) : undefined));
    return { [Symbol.dispose]: () => void (wanted = false) };
  }

  /** From here on a clean end is what is wanted. */
  concluding(): void {
    this.#mirror.concluding();
  }

  lateIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tell({ fact: "late" }), ms);
  }

  reconcile(job: QmpJob): void {
    for (const fact of this.#mirror.reconcile([job])) this.#tellMirror(fact);
  }

  /** The next fact. @throws when the signal is aborted */
  async next(signal: AbortSignal | undefined): Promise<CopyFact> {
    for (;;) {
      signal?.throwIfAborted();
      const fact = this.#facts.shift();
      if (fact !== undefined) return fact;
      const told = Promise.withResolvers<void>();
      this.#wake = told.resolve;
      signal?.addEventListener("abort", this.#wake, { once: true });
      await told.promise;
      signal?.removeEventListener("abort", this.#wake);
    }
  }

  #observe(event: QmpEvent): void {
    const { data } = event;
    if (data !== undefined && "device" in data && data.device === this.#job) this.#remember(event);
    for (const fact of this.#mirror.observe(event)) this.#tellMirror(fact);
  }

  #remember(event: QmpEvent): void {
    if (event.event === "BLOCK_JOB_ERROR") this.#failing ??= event.data.operation;
    if (event.event === "BLOCK_JOB_CANCELLED" && !this.#ours) this.#cancelled = true;
    if (event.event === "BLOCK_JOB_COMPLETED" && event.data.error !== undefined) {
      const what = this.#failing === undefined ? "" : WHAT_FAILED[this.#failing];
      this.#said ??= `${what}${event.data.error}`;
    }
  }

  #tellMirror(fact: SourceHypervisorFact): void {
    if (fact.fact === "mirrorReady" || fact.fact === "mirrorConcluded" || fact.fact === "mirrorFailed")
      this.#tell(fact);
  }

  #tell(fact: CopyFact): void {
    this.#facts.push(fact);
    this.#wake();
  }
}
