import {
  type Event,
  EventClass,
  EventServiceService,
  lifecycleEventTypeToJSON,
} from "@virtmesh/api/gen/virtmesh/v1/event";
import type { RunningMesh } from "@virtmesh/lab/mesh";

/** For the whole of a test; what hangs fails by it. */
const PATIENCE_MS = 120_000;
const LIFE = [
  EventClass.EVENT_CLASS_LIFECYCLE,
  EventClass.EVENT_CLASS_DEVICE,
  EventClass.EVENT_CLASS_RESOURCE,
];

/** What happens to the guests of a connection, from now on. */
export class Watching implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #events: AsyncGenerator<Event>;

  private constructor(events: (signal: AbortSignal) => AsyncGenerator<Event>, patienceMs: number) {
    this.#events = events(AbortSignal.any([this.#stop.signal, AbortSignal.timeout(patienceMs)]));
  }

  static async begin(
    mesh: RunningMesh,
    uri: string,
    patienceMs = PATIENCE_MS,
    domain = "",
  ): Promise<Watching> {
    const synced = Promise.withResolvers<void>();
    const watching = new Watching(async function* (signal) {
      const request = { uri, domain, classes: LIFE, resumeToken: "", sendSnapshot: false };
      for await (const { kind } of mesh.stream(EventServiceService.watch, request, signal)) {
        if (kind?.$case === "synced") synced.resolve();
        if (kind?.$case === "event") yield kind.value;
      }
    }, patienceMs);
    watching.#first = watching.#events.next();
    await synced.promise;
    return watching;
  }

  #first: Promise<IteratorResult<Event, void>> | undefined;

  /** What happens next. */
  async next(): Promise<string> {
    const { value } = await (this.#first ?? this.#events.next());
    this.#first = undefined;
    if (value === undefined) throw new Error("the stream of events ended");
    const { body, domainName } = value;
    if (body?.$case === "lifecycle") {
      const type = lifecycleEventTypeToJSON(body.value.type)
        .slice("LIFECYCLE_EVENT_TYPE_".length)
        .toLowerCase();
      return `${domainName} ${type} ${body.value.detail}`.trim();
    }
    return `${domainName} ${body?.$case}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#first?.catch(() => undefined);
    await this.#events.return(undefined).catch(() => undefined);
  }
}
