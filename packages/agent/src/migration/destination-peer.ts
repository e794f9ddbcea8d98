import {
  MigrationPeerServiceService,
  type SessionRequest,
  type SessionResponse,
} from "@virtmesh/api/gen/virtmesh/v1/migration_peer";
import { messageOf } from "@virtmesh/core/errors";
import type { Answer, PeerFact } from "@virtmesh/core/migration/facts";
import { bidiCall, unaryCall } from "@virtmesh/kit/grpc-client";
import type { MigrationContext } from "./context.ts";
import type { JournalHeader } from "./journal.ts";
import { PeerLink } from "./peer-link.ts";
import { standingFromWire } from "./wire.ts";

const ASK_TIMEOUT_MS = 2_000;
const ASK_AGAIN_MS = 250;

type Message = NonNullable<SessionRequest["message"]>;
type Link = PeerLink<SessionRequest, SessionResponse>;

/** The other agent, seen from the source of a migration: a session while it lasts, and questions until answered. */
export class DestinationPeer implements Disposable {
  readonly #c: MigrationContext;
  readonly #header: JournalHeader;
  readonly #signal: AbortSignal;
  readonly #tell: (fact: PeerFact) => void;
  #link: Link | undefined;
  /** Wakes who waits for the session to end. */
  #onGone: () => void = () => undefined;
  #asking: { demandPromise: boolean } | undefined;

  /** `signal` ends the session by force; `tell` hears what the peer says, and once that it is lost. */
  constructor(
    c: MigrationContext,
    header: JournalHeader,
    signal: AbortSignal,
    tell: (fact: PeerFact) => void,
  ) {
    this.#c = c;
    this.#header = header;
    this.#signal = signal;
    this.#tell = tell;
  }

  /** Says it over the session, or opens one with it. */
  async sayOrOpen(message: Message): Promise<void> {
    if (this.#link === undefined) await this.open(message);
    else this.say(message);
  }

  /** Says it over the session; without one it is lost, which the machine knows by then. */
  say(message: Message): void {
    this.#link?.send({ uri: "", migrationId: this.#header.offer.plan.id, message });
  }

  /** Opens the session; resolves when it has ended. */
  async open(first: Message): Promise<void> {
    const { id } = this.#header.offer.plan;
    const link: Link = new PeerLink<SessionRequest, SessionResponse>({
      silenceMs: this.#c.silenceMs,
      heartbeat: { uri: "", migrationId: id, message: { $case: "heartbeat", value: {} } },
      onMessage: (m) => this.#hear(m),
      onLost: (why) => this.#lost(link, why),
    });
    this.#link = link;
    link.send({ uri: this.#header.destinationUri, migrationId: id, message: first });
    let incoming: AsyncIterable<SessionResponse>;
    try {
      const channel = this.#c.peer(this.#header.destinationUri);
      const call = { signal: this.#signal, trace: this.#header.trace };
      incoming = bidiCall(channel, MigrationPeerServiceService.session, link.outgoing, call);
    } catch (e) {
      link[Symbol.dispose]();
      return this.#lost(link, messageOf(e));
    }
    await link.listen(incoming);
  }

  /** Asks until there is an answer, or `stillWanted` says that nobody needs one any more. */
  async ask(demandPromise: boolean, stillWanted: () => boolean): Promise<void> {
    if (this.#asking !== undefined) {
      this.#asking.demandPromise ||= demandPromise;
      return;
    }
    const asking = { demandPromise };
    this.#asking = asking;
    let standing: Answer | undefined;
    try {
      while (stillWanted() && standing === undefined) {
        standing = await this.#askOnce(asking.demandPromise);
        if (standing === undefined) await this.#chance();
      }
    } finally {
      this.#asking = undefined;
    }
    if (standing === undefined || !stillWanted()) return;
    // The destination says the rest over a session.
    const session = this.#link === undefined ? this.open({ $case: "reattach", value: {} }) : undefined;
    this.#tell(factOf(standing));
    await session;
  }

  /** Resolves when the destination has ended the session, which it does when it is through; or when that takes too long. */
  async through(limitMs: number): Promise<void> {
    if (this.#link === undefined) return;
    const gone = Promise.withResolvers<void>();
    this.#onGone = gone.resolve;
    const timer = setTimeout(gone.resolve, limitMs);
    await gone.promise;
    clearTimeout(timer);
  }

  /** What was said still goes out; nothing is heard any more. */
  [Symbol.dispose](): void {
    const link = this.#link;
    this.#link = undefined;
    link?.[Symbol.dispose]();
    this.#onGone();
  }

  #lost(link: Link, why: string): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#onGone();
    this.#tell({ fact: "peerLost", message: why });
  }

  #hear({ message: m }: SessionResponse): void {
    if (m === undefined) return;
    switch (m.$case) {
      case "prepared":
        return this.#tell({ fact: "peerPrepared", endpoints: m.value });
      case "loaded":
        return this.#tell({ fact: "peerLoaded" });
      case "accepted":
        return this.#tell({ fact: "peerAccepted" });
      case "pulling":
        return this.#tell({ fact: "peerPulling", downtimeMs: Number(m.value.hypervisorDowntimeMs) });
      case "recoverable":
        return this.#tell({ fact: "peerRecoverable", address: m.value.memoryAddress });
      case "lostGuest":
        return this.#tell({ fact: "peerLostGuest", message: m.value.message });
      case "resumed":
        return this.#tell({ fact: "peerResumed", downtimeMs: Number(m.value.hypervisorDowntimeMs) });
      case "failed":
        return this.#tell({ fact: "peerFailed", ...m.value });
      case "discarded":
        return this.#tell({ fact: "peerDiscarded", leftovers: m.value.leftovers });
      case "standing": {
        const standing = standingFromWire(m.value.standing);
        if (standing !== undefined) this.#tell(factOf(standing));
        return;
      }
      case "heartbeat":
        return;
    }
  }

  async #askOnce(demandPromise: boolean): Promise<Answer | undefined> {
    const { id } = this.#header.offer.plan;
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(ASK_TIMEOUT_MS)]);
    try {
      const { standing } = await unaryCall(
        this.#c.peer(this.#header.destinationUri),
        MigrationPeerServiceService.inquire,
        { uri: this.#header.destinationUri, migrationId: id, demandPromise },
        { signal, trace: this.#header.trace },
      );
      return standingFromWire(standing);
    } catch (e) {
      this.#c.logger.info({ migration: id, err: e }, "the destination does not answer yet");
      return undefined;
    }
  }

  /** Waits until some agent comes back, or a little while. */
  async #chance(): Promise<void> {
    const over = Promise.withResolvers<void>();
    const timer = setTimeout(over.resolve, ASK_AGAIN_MS);
    using _hearing = this.#c.onChance(over.resolve);
    this.#signal.addEventListener("abort", () => over.resolve(), { once: true });
    await over.promise;
    clearTimeout(timer);
  }
}

function factOf(answer: Answer): PeerFact {
  return answer === "lost"
    ? { fact: "peerLostGuest", message: "it ended there before it had all its memory" }
    : { fact: "peerStanding", standing: answer };
}
