import type { Duplex } from "node:stream";
import { pipeline } from "node:stream";
import type { Socket } from "node:net";
import { messageOf } from "@virtmesh/core/errors";
import { BANNER, ReceiverWords } from "./handshake.ts";
import { XlStream } from "./xl-stream.ts";

/** xl starts this as its way to the destination: it hands both directions to the descriptor that the agent holds the other end of. */
export const WAY_TO_AGENT = "cat <&3 & exec cat >&3";
export const WAY_STDIO = ["ignore", "ignore", "pipe", "pipe"] as const;

export type SendOutcome =
  /** The destination has all of the guest, and this host's xl has ended before it could hear of it. */
  { readonly kind: "received" } | { readonly kind: "failed"; readonly message: string };

/**
 * `xl migrate`, whose other end is this agent. It never hears that the destination is ready: it would give the guest leave
 * to run there. Until it is ended for that, it lets the guest go on here by itself whatever goes wrong.
 */
export class Sending {
  readonly outcome: Promise<SendOutcome>;
  readonly #xl: XlStream;
  readonly #socket: Socket;
  readonly #channel: Duplex;
  readonly #words = new ReceiverWords();
  #sent = 0;
  #isReceived = false;
  #problem = "";

  constructor(socket: Socket, args: readonly string[], lock: string) {
    this.#socket = socket;
    this.#xl = new XlStream(["migrate", "-e", ...args, WAY_TO_AGENT], { lock, stdio: [...WAY_STDIO] });
    this.#channel = this.#xl.process.stdio[3] as Duplex;
    this.#channel.on("data", (chunk: Buffer) => (this.#sent += chunk.length));
    // Without an end of it xl would wait for the destination's word for ever.
    pipeline(this.#channel, socket, () => this.#channel.destroy());
    socket.on("data", (chunk: Buffer) => this.#hear(chunk));
    socket.on("error", (e) => (this.#problem ||= messageOf(e)));
    socket.on("close", () => this.#channel.destroy());
    this.outcome = this.#xl.exited.then(() => {
      socket.destroy();
      this.#channel.destroy();
      if (this.#isReceived) return { kind: "received" };
      return { kind: "failed", message: this.#problem || this.#xl.reason || "xl has ended without a word" };
    });
  }

  get sentBytes(): bigint {
    return BigInt(this.#sent);
  }

  /** Breaks the connection; resolves when xl has let the guest go on. */
  async stop(): Promise<void> {
    this.#problem ||= "it was given up";
    this.#socket.destroy();
    this.#channel.destroy();
    await this.#xl.exited;
  }

  #hear(chunk: Buffer): void {
    try {
      for (const word of this.#words.take(chunk)) {
        if (word === "banner") this.#channel.write(BANNER);
        else {
          this.#isReceived = true;
          this.#xl.kill();
        }
      }
    } catch (e) {
      this.#problem ||= messageOf(e);
      this.#socket.destroy();
    }
  }
}
