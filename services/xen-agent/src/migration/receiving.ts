import type { Socket } from "node:net";
import { messageOf } from "@virtmesh/core/errors";
import { BANNER, READY, ReceiverWords } from "./handshake.ts";
import { XlStream } from "./xl-stream.ts";

/**
 * `xl migrate-receive`, whose other end is this agent. It is ended as soon as it has made the guest, which stands still
 * then: only the agent lets it run, and no xl takes it apart when a connection breaks.
 */
export class Receiving {
  /** What failed, or undefined when all of the guest is here; nothing of xl's is left then. */
  readonly failure: Promise<string | undefined>;
  readonly #xl: XlStream;
  readonly #socket: Socket;
  readonly #words = new ReceiverWords();
  #isWhole = false;
  #problem = "";

  constructor(socket: Socket, lock: string) {
    this.#socket = socket;
    this.#xl = new XlStream(["migrate-receive", "-e"], { lock, stdio: ["pipe", "pipe", "pipe"] });
    const { stdin, stdout } = this.#xl.process;
    if (stdin !== null) socket.pipe(stdin);
    // Its end says more.
    stdin?.on("error", () => undefined);
    socket.on("error", (e) => (this.#problem ||= messageOf(e)));
    stdout?.on("data", (chunk: Buffer) => this.#hear(chunk));
    this.failure = this.#xl.exited.then(() => {
      if (this.#isWhole) return undefined;
      socket.destroy();
      return this.#problem || this.#xl.reason || "xl has ended without a word";
    });
  }

  /** Tells the source that all of it is here. */
  confirm(): void {
    this.#socket.end(READY);
  }

  /** Resolves when xl does nothing more to the domain that it may have begun. */
  async stop(): Promise<void> {
    this.#problem ||= "it was given up";
    this.#socket.destroy();
    this.#xl.kill();
    await this.#xl.exited;
  }

  #hear(chunk: Buffer): void {
    try {
      for (const word of this.#words.take(chunk)) {
        if (word === "banner") this.#socket.write(BANNER);
        else {
          this.#isWhole = true;
          this.#xl.kill();
        }
      }
    } catch (e) {
      this.#problem ||= messageOf(e);
      this.#xl.kill();
    }
  }
}
