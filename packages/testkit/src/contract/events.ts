import {
  type Event,
  EventClass,
  EventServiceService,
  LifecycleEventType,
  type WatchRequest,
  type WatchResponse,
} from "@virtmesh/api/gen/virtmesh/v1/event";
import { freshName, Guests } from "./guests.ts";
import { type Subject, sharedSubject, type SubjectKind } from "./subject.ts";

const L = LifecycleEventType;
const LIFE = [EventClass.EVENT_CLASS_LIFECYCLE];

/** A stream of events that a test reads from. */
class Watching implements AsyncDisposable {
  readonly #abort = new AbortController();
  readonly #stream: AsyncGenerator<WatchResponse, void>;
  /** Token of the last message read. */
  token = "";

  constructor(subject: Subject, request: Partial<WatchRequest>) {
    const whole = {
      uri: subject.uri,
      domain: "",
      classes: LIFE,
      resumeToken: "",
      sendSnapshot: false,
      ...request,
    };
    const limit = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(subject.patienceMs)]);
    this.#stream = subject.client.stream(EventServiceService.watch, whole, limit);
  }

  async next(): Promise<NonNullable<WatchResponse["kind"]>> {
    for (;;) {
      const { value } = await this.#stream.next();
      if (!value?.kind) throw new Error("the stream of events ended");
      this.token = value.resumeToken;
      if (value.kind.$case !== "heartbeat") return value.kind;
    }
  }

  /** The next event; `synced` may stand before it, which says nothing here. */
  async event(): Promise<Event> {
    let kind = await this.next();
    if (kind.$case === "synced") kind = await this.next();
    if (kind.$case !== "event") throw new Error(`a message "${kind.$case}" came where an event should`);
    return kind.value;
  }

  /** Everything up to `synced`. */
  async untilSynced(): Promise<Event[]> {
    const events: Event[] = [];
    for (;;) {
      const kind = await this.next();
      if (kind.$case === "synced") return events;
      if (kind.$case === "gap") throw new Error(`a gap: ${kind.value.reason}`);
      if (kind.$case === "event") events.push(kind.value);
    }
  }

  /** Types of the lifecycle events up to and with that one. */
  async lifecycleUntil(last: LifecycleEventType): Promise<LifecycleEventType[]> {
    const types: LifecycleEventType[] = [];
    while (types.at(-1) !== last) {
      const { body } = await this.event();
      if (body?.$case === "lifecycle") types.push(body.value.type);
    }
    return types;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#stream.return();
  }
}

/** What happened, in order, once, with replay. */
export function eventContract(kind: SubjectKind): void {
  describe(`events (${kind.name})`, () => {
    const subject = sharedSubject(kind);
    const guests = new Guests(subject);
    let name = "";
    beforeEach(() => {
      name = freshName();
    });
    afterEach(async () => guests.remove(name));

    it("tell a guest's life in order, each with who and where", async () => {
      await using watching = new Watching(subject(), { domain: name });
      await watching.untilSynced();
      const { uuid } = await guests.define(name);
      const first = await watching.event();
      expect(first).toMatchObject({
        uri: subject().uri,
        host: subject().host,
        domainUuid: uuid,
        domainName: name,
      });
      expect(first.body).toMatchObject({
        $case: "lifecycle",
        value: { type: L.LIFECYCLE_EVENT_TYPE_DEFINED, detail: "added" },
      });
      await guests.start(name);
      await guests.destroy(name);
      await guests.undefine(name);
      const types = await watching.lifecycleUntil(L.LIFECYCLE_EVENT_TYPE_UNDEFINED);
      expect(types[0]).toBe(L.LIFECYCLE_EVENT_TYPE_STARTED);
      expect(types.slice(-2)).toEqual([L.LIFECYCLE_EVENT_TYPE_STOPPED, L.LIFECYCLE_EVENT_TYPE_UNDEFINED]);
    });

    it("count up by one for each event of an agent", async () => {
      await using watching = new Watching(subject(), { classes: [] });
      await watching.untilSynced();
      await guests.define(name);
      await guests.undefine(name);
      const [one, two] = [await watching.event(), await watching.event()];
      expect(two.sequence).toBe(one.sequence + 1n);
      expect(two.id).not.toBe(one.id);
    });

    it("go on behind any token, without loss and without repetition", async () => {
      await using first = new Watching(subject(), { domain: name });
      await first.untilSynced();
      await guests.define(name);
      await first.event();
      const { token } = first;
      await guests.start(name);
      await guests.destroy(name);
      await using second = new Watching(subject(), { domain: name, resumeToken: token });
      const types = await second.lifecycleUntil(L.LIFECYCLE_EVENT_TYPE_STOPPED);
      expect(types).not.toContain(L.LIFECYCLE_EVENT_TYPE_DEFINED);
      expect(types[0]).toBe(L.LIFECYCLE_EVENT_TYPE_STARTED);
      expect(await first.lifecycleUntil(L.LIFECYCLE_EVENT_TYPE_STOPPED)).toEqual(types);
    });

    it("begin with the guests there are, where that is asked for", async () => {
      const { uuid } = await guests.define(name);
      await using watching = new Watching(subject(), { sendSnapshot: true, classes: [] });
      const events = await watching.untilSynced();
      const changed = events.flatMap(({ body }) =>
        body?.$case === "domainChanged" ? [body.value.domain] : [],
      );
      expect(changed.find((domain) => domain?.uuid === uuid)).toMatchObject({ name, host: subject().host });
      await guests.undefine(name);
      // What made it may be told once more, when it was on its way while the guests were read.
      const types = await watching.lifecycleUntil(L.LIFECYCLE_EVENT_TYPE_UNDEFINED);
      expect(types.slice(0, -1).filter((type) => type !== L.LIFECYCLE_EVENT_TYPE_DEFINED)).toEqual([]);
    });

    it("are only those of the guest and the classes asked for", async () => {
      const other = freshName("other");
      await using watching = new Watching(subject(), { domain: name, classes: LIFE });
      await watching.untilSynced();
      await guests.define(other);
      await guests.undefine(other);
      await guests.define(name);
      expect((await watching.event()).domainName).toBe(name);
    });

    it("refuse a class that does not exist", async () => {
      await using watching = new Watching(subject(), { classes: [EventClass.EVENT_CLASS_UNSPECIFIED] });
      await expect(watching.next()).rejects.toMatchObject({ reason: "INVALID_FIELD" });
    });

    it("refuse a token that is none", async () => {
      await using watching = new Watching(subject(), { resumeToken: "nonsense" });
      await expect(watching.next()).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    });
  });
}
