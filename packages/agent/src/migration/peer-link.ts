import { messageOf } from "@virtmesh/core/errors";

/** A heartbeat flows this often. */
export const HEARTBEAT_MS = 400;
/** Silence for so long means that the peer is lost: with the heartbeat, three in a row are missing. */
export const SILENCE_MS = 1_500;

/** Messages to be sent, in order; an AsyncIterable that ends when it is closed. The peer's own pace bounds what is buffered: a migration has a dozen messages. */
export class Outgoing<T> implements AsyncIterable<T> {
  readonly #queue: T[] = [];
  #wake: (() => void) | undefined;
  #ended = false;

  push(message: T): void {
    if (this.#ended) return;
    this.#queue.push(message);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      const message = this.#queue.shift();
      if (message !== undefined) yield message;
      else if (this.#ended) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

export interface PeerLinkOptions<Out, In> {
  /** `SILENCE_MS`, unless hosts are known to be slower. */
  readonly silenceMs: number;
  readonly heartbeat: Out;
  readonly onMessage: (message: In) => void;
  /** Once: the stream broke, the peer fell silent, or it ended the stream. */
  readonly onLost: (why: string) => void;
}

/**
 * One side of a session: sends messages and heartbeats, hears messages, and says when the peer is lost. Used by
 * both sides; what carries it is a pair of streams.
 */
export class PeerLink<Out, In> implements Disposable {
  readonly outgoing = new Outgoing<Out>();
  readonly #options: PeerLinkOptions<Out, In>;
  readonly #beat: NodeJS.Timeout;
  #silence: NodeJS.Timeout;
  #over = false;

  constructor(options: PeerLinkOptions<Out, In>) {
    this.#options = options;
    this.#beat = setInterval(() => this.outgoing.push(options.heartbeat), HEARTBEAT_MS);
    this.#silence = this.#watchSilence();
  }

  get lost(): boolean {
    return this.#over;
  }

  send(message: Out): void {
    this.outgoing.push(message);
  }

  /** Hears the peer until its stream ends; never throws. */
  async listen(incoming: AsyncIterable<In>): Promise<void> {
    try {
      for await (const message of incoming) {
        if (this.#over) return;
        clearTimeout(this.#silence);
        this.#silence = this.#watchSilence();
        this.#options.onMessage(message);
      }
      this.#lose("it ended the session");
    } catch (e) {
      this.#lose(messageOf(e));
    }
  }

  /** Ends it from this side: what was sent goes out first, nothing is reported as lost. */
  [Symbol.dispose](): void {
    this.#stop();
  }

  #watchSilence(): NodeJS.Timeout {
    const { silenceMs } = this.#options;
    return setTimeout(() => this.#lose(`it has been silent for ${silenceMs} ms`), silenceMs);
  }

  #lose(why: string): void {
    if (this.#over) return;
    this.#stop();
    this.#options.onLost(why);
  }

  #stop(): void {
    this.#over = true;
    clearInterval(this.#beat);
    clearTimeout(this.#silence);
    this.outgoing.end();
  }
}
