import { type ChildProcess, spawn } from "node:child_process";
import { VirtError } from "@virtmesh/core/errors";
import { eachLine } from "@virtmesh/lab/process";
import { monotonic } from "../clock.ts";
import { PYTHON, programOf } from "./daemon.ts";

/** What a QEMU said, or libvirt about a guest's life (`LIFECYCLE`), by the clock of `performance.now()`. */
export interface LibvirtEvent {
  readonly event: string;
  readonly host: string;
  readonly domain: string;
  readonly at: number;
  readonly data: Readonly<Record<string, unknown>>;
}

/** One call as the client saw it. `error` is libvirt's text. */
export interface Outcome {
  readonly began: number;
  readonly ended: number;
  readonly result?: unknown;
  readonly error?: string;
}

interface Answer extends Outcome {
  readonly id: number;
}

type Request = { readonly op: string; readonly [field: string]: unknown };

/** The Python client of libvirt, with connections to the daemons it was told to open. */
export class LibvirtSession implements AsyncDisposable {
  readonly events: LibvirtEvent[] = [];
  readonly #child: ChildProcess;
  readonly #calls = new Map<number, (answer: Outcome) => void>();
  readonly #waiting = new Set<(event: LibvirtEvent) => void>();
  readonly #exited: Promise<void>;
  #said = "";
  #asked = 0;

  private constructor() {
    this.#child = spawn("setpriv", ["--pdeathsig", "KILL", "--", PYTHON, "-u", programOf("session.py")], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    const { stdout, stderr } = this.#child;
    if (stdout) eachLine(stdout, (line) => this.#take(line));
    if (stderr) eachLine(stderr, (line) => (this.#said = line));
    this.#exited = new Promise((resolve) => {
      this.#child.once("close", () => {
        for (const settle of this.#calls.values())
          settle({ began: 0, ended: 0, error: `the libvirt client ended: ${this.#said}` });
        resolve();
      });
    });
  }

  /** `hosts`: a connection URI under each name. `events`: whether those of QEMU are heard. */
  static async open(hosts: Readonly<Record<string, string>>, events: boolean): Promise<LibvirtSession> {
    const session = new LibvirtSession();
    for (const [host, target] of Object.entries(hosts))
      await session.call({ op: "open", host, target, events });
    return session;
  }

  /** As `attempt`; a failure is thrown. */
  async call(request: Request): Promise<Outcome> {
    const outcome = await this.attempt(request);
    if (outcome.error !== undefined)
      throw new VirtError("HOST_SETUP", `libvirt failed to ${request.op}: ${outcome.error}`);
    return outcome;
  }

  /** One call, in a thread of its own: others go on meanwhile. */
  async attempt(request: Request): Promise<Outcome> {
    const id = ++this.#asked;
    return await new Promise<Outcome>((resolve) => {
      this.#calls.set(id, resolve);
      this.#child.stdin?.write(`${JSON.stringify({ ...request, id })}\n`);
    });
  }

  /** The first event that matches, from the place `from` in `events` on. */
  async seen(match: (event: LibvirtEvent) => boolean, from = 0): Promise<LibvirtEvent> {
    const past = this.events.slice(from).find(match);
    if (past) return past;
    return await new Promise((resolve) => {
      const hear = (event: LibvirtEvent): void => {
        if (!match(event)) return;
        this.#waiting.delete(hear);
        resolve(event);
      };
      this.#waiting.add(hear);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  #take(line: string): void {
    const message = JSON.parse(line) as Answer | LibvirtEvent;
    if ("event" in message) {
      const event = { ...message, at: monotonic(message.at) };
      this.events.push(event);
      for (const hear of [...this.#waiting]) hear(event);
      return;
    }
    const { id, began, ended, ...rest } = message;
    const settle = this.#calls.get(id);
    this.#calls.delete(id);
    settle?.({ ...rest, began: monotonic(began), ended: monotonic(ended) });
  }
}
