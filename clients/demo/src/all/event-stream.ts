import {
  type Event,
  EventClass,
  EventServiceService,
  type LifecycleEventType,
  lifecycleEventTypeToJSON,
  WatchRequest,
} from "@virtmesh/api/gen/virtmesh/v1/event";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import type { RunningMesh } from "@virtmesh/lab/mesh";
import type { ToldEvent } from "../reporter.ts";

/** Lifecycle events of every guest of a mesh, out of one stream of its gateway. */
export class EventStream implements AsyncDisposable {
  readonly #heard: Event[] = [];
  readonly #news = new EventTarget();
  readonly #stop = new AbortController();
  readonly #reading: Promise<void>;
  #failure: VirtError | undefined;

  private constructor(mesh: RunningMesh, told: (event: ToldEvent) => void, opened: () => void) {
    this.#reading = this.#read(mesh, told, opened);
  }

  /** Resolves when the subscription stands: from then on nothing is missed. */
  static async open(mesh: RunningMesh, told: (event: ToldEvent) => void): Promise<EventStream> {
    const opened = Promise.withResolvers<void>();
    const stream = new EventStream(mesh, told, opened.resolve);
    await Promise.race([opened.promise, stream.#reading]);
    if (stream.#failure) throw stream.#failure;
    return stream;
  }

  /** Where the stream is now: what comes later is what somebody is to wait for. */
  get position(): number {
    return this.#heard.length;
  }

  /** The first such event of a guest from this position on. @throws DEADLINE when the signal aborts first */
  async next(
    from: number,
    uri: string,
    guest: string,
    type: LifecycleEventType,
    signal: AbortSignal,
  ): Promise<void> {
    const isIt = (event: Event): boolean =>
      event.uri === uri &&
      event.domainName === guest &&
      event.body?.$case === "lifecycle" &&
      event.body.value.type === type;
    while (!this.#heard.slice(from).some(isIt)) {
      if (this.#failure) throw this.#failure;
      if (signal.aborted)
        throw new VirtError("DEADLINE", `no event ${nameOf(type)} came from ${uri} for guest "${guest}"`);
      await once(this.#news, signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#reading;
  }

  async #read(mesh: RunningMesh, told: (event: ToldEvent) => void, opened: () => void): Promise<void> {
    const request = WatchRequest.fromPartial({
      classes: [EventClass.EVENT_CLASS_LIFECYCLE],
      sendSnapshot: true,
    });
    try {
      for await (const { kind } of mesh.stream(EventServiceService.watch, request, this.#stop.signal)) {
        if (kind?.$case === "synced") opened();
        if (kind?.$case === "gap") throw new VirtError("PROTOCOL", `events were lost: ${kind.value.reason}`);
        if (kind?.$case !== "event" || kind.value.body?.$case !== "lifecycle") continue;
        const { uri, domainName: guest, body } = kind.value;
        told({ uri, guest, event: nameOf(body.value.type), detail: body.value.detail });
        this.#heard.push(kind.value);
        this.#news.dispatchEvent(new globalThis.Event("news"));
      }
    } catch (e) {
      if (this.#stop.signal.aborted) return;
      this.#failure = VirtError.is(e) ? e : new VirtError("INTERNAL", messageOf(e), {}, { cause: e });
      this.#news.dispatchEvent(new globalThis.Event("news"));
    }
  }
}

function nameOf(type: LifecycleEventType): string {
  return lifecycleEventTypeToJSON(type).replace("LIFECYCLE_EVENT_TYPE_", "").toLowerCase();
}

function once(target: EventTarget, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      target.removeEventListener("news", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    target.addEventListener("news", done);
    signal.addEventListener("abort", done);
  });
}
