import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { MethodDefinition } from "@grpc/grpc-js";
import { type Domain, DomainServiceService as D } from "@virtmesh/api/gen/virtmesh/v1/domain";
import {
  type Event,
  EventServiceService,
  type LifecycleEvent,
  type WatchRequest,
  type WatchResponse,
} from "@virtmesh/api/gen/virtmesh/v1/event";
import { VirtError } from "@virtmesh/core/errors";
import type { MeshHost } from "@virtmesh/lab/launcher";

/** What calls: a mesh's gateway, or an agent spoken to directly. */
export interface Caller {
  unary<Q, R>(method: MethodDefinition<Q, R>, request: Q): Promise<R>;
  stream<Q, R>(method: MethodDefinition<Q, R>, request: Q, signal: AbortSignal): AsyncGenerator<R, void>;
}

/** A guest without disk and kernel: its firmware looks for one for ever. */
export function smallGuestXml(
  name: string,
  more: { readonly uuid?: string; readonly devices?: string; readonly memoryMiB?: number } = {},
): string {
  const uuid = more.uuid === undefined ? "" : `<uuid>${more.uuid}</uuid>`;
  return `<domain type="qemu">
  <name>${name}</name>${uuid}
  <memory unit="MiB">${more.memoryMiB ?? 32}</memory>
  <os><type arch="x86_64" machine="q35">hvm</type></os>
  <devices>${more.devices ?? ""}</devices>
</domain>`;
}

/** The guests of one host, changed in one line each. Every change has a request id of its own unless one is given. */
export class Guests {
  readonly #caller: Caller;
  readonly #uri: string;

  constructor(caller: Caller, uri: string) {
    this.#caller = caller;
    this.#uri = uri;
  }

  define(xml: string, requestId: string = randomUUID()): Promise<Domain> {
    const request = { uri: this.#uri, requestId, xml, validateOnly: false, etag: "" };
    return this.#caller.unary(D.defineDomain, request);
  }

  create(xml: string): Promise<Domain> {
    const request = { uri: this.#uri, requestId: randomUUID(), xml, paused: true, validateOnly: false };
    return this.#caller.unary(D.createDomain, request);
  }

  start(
    domain: string,
    options: { readonly paused?: boolean; readonly requestId?: string } = {},
  ): Promise<Domain> {
    const { paused = true, requestId = randomUUID() } = options;
    return this.#caller.unary(D.startDomain, { uri: this.#uri, requestId, domain, paused, forceBoot: false });
  }

  suspend(domain: string): Promise<Domain> {
    return this.#caller.unary(D.suspendDomain, this.#about(domain));
  }

  resume(domain: string): Promise<Domain> {
    return this.#caller.unary(D.resumeDomain, this.#about(domain));
  }

  destroy(domain: string): Promise<Domain> {
    return this.#caller.unary(D.destroyDomain, this.#about(domain));
  }

  async undefine(domain: string): Promise<void> {
    await this.#caller.unary(D.undefineDomain, { ...this.#about(domain), etag: "", managedSave: false });
  }

  autostart(domain: string): Promise<Domain> {
    return this.#caller.unary(D.setAutostart, { ...this.#about(domain), autostart: true });
  }

  get(domain: string): Promise<Domain> {
    return this.#caller.unary(D.getDomain, { uri: this.#uri, domain });
  }

  #about(domain: string): { uri: string; requestId: string; domain: string } {
    return { uri: this.#uri, requestId: randomUUID(), domain };
  }
}

/** All guests that can be seen, by name. */
export async function guestsSeen(caller: Caller, uri = ""): Promise<readonly Domain[]> {
  const request = { uri, pageSize: 0, pageToken: "", filter: "", orderBy: "" };
  return (await caller.unary(D.listDomains, request)).domains;
}

/** Pid of a guest's QEMU, as its agent wrote it down. */
export async function hypervisorPid(host: MeshHost, uuid: string): Promise<number> {
  const text = await readFile(join(host.runDir, "qemu", uuid, "status.json"), "utf8");
  return (JSON.parse(text) as { readonly process: { readonly pid: number } }).process.pid;
}

/** What a call was refused with. Fails when it went well. */
export async function refusal(work: Promise<unknown>): Promise<VirtError> {
  let answer: unknown;
  try {
    answer = await work;
  } catch (e) {
    if (VirtError.is(e)) return e;
    throw e;
  }
  throw new Error(`it was not refused: ${JSON.stringify(answer, (_, v: unknown) => String(v))}`);
}

/** One watch, read message by message; heartbeats are left out. */
export class Watching implements AsyncDisposable {
  readonly #abort = new AbortController();
  readonly #stream: AsyncGenerator<WatchResponse, void>;
  /** Of the last message. */
  token = "";

  constructor(caller: Caller, request: Partial<WatchRequest> = {}, limitMs = 110_000) {
    const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(limitMs)]);
    const all: WatchRequest = { uri: "", domain: "", classes: [], resumeToken: "", sendSnapshot: false };
    this.#stream = caller.stream(EventServiceService.watch, { ...all, ...request }, signal);
  }

  async next(): Promise<NonNullable<WatchResponse["kind"]>> {
    for (;;) {
      const { value } = await this.#stream.next();
      if (!value?.kind) throw new Error("the stream of events ended");
      this.token = value.resumeToken;
      if (value.kind.$case !== "heartbeat") return value.kind;
    }
  }

  /** Begins to read, up to where everything before has been given. */
  async synced(): Promise<void> {
    while ((await this.next()).$case !== "synced") continue;
  }

  /** Reads on to a gap, and says why it is one. */
  async gap(): Promise<string> {
    for (;;) {
      const kind = await this.next();
      if (kind.$case === "gap") return kind.value.reason;
    }
  }

  /** The next event. Fails at a gap. */
  async event(): Promise<Event> {
    for (;;) {
      const kind = await this.next();
      if (kind.$case === "gap") throw new Error(`a gap: ${kind.value.reason}`);
      if (kind.$case === "event") return kind.value;
    }
  }

  /** All events up to and with the first that is looked for. */
  async until(wanted: (event: Event) => boolean): Promise<Event[]> {
    const events: Event[] = [];
    for (;;) {
      const event = await this.event();
      events.push(event);
      if (wanted(event)) return events;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    // The stream may end with that it was cancelled; it was.
    await this.#stream.return().catch(() => undefined);
  }
}

/** An event in a few words: `web stopped crashed`, with a star when it was found out after a restart. */
export function short({ domainName, body, reconciled }: Event): string {
  const words = body?.$case === "lifecycle" ? inWords(body.value) : (body?.$case ?? "nothing");
  return `${domainName} ${words}${reconciled ? "*" : ""}`;
}

const TYPES: readonly string[] = [
  "?",
  "defined",
  "undefined",
  "started",
  "suspended",
  "resumed",
  "stopped",
  "shutdown",
];

function inWords({ type, detail }: LifecycleEvent): string {
  return `${TYPES[type] ?? "?"} ${detail}`;
}
