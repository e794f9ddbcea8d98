import { setTimeout as delay } from "node:timers/promises";
import { Domain } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { VirtError } from "@virtmesh/core/errors";
import { readBucket } from "./bucket-watch.ts";
import type { Mesh, Session } from "./connection.ts";
import type { InventoryWriter } from "./inventory.ts";
import { word } from "./subjects.ts";

const RETRY_MS = 1_000;
/** Writes under way at a time, each of another guest. */
const PARALLEL = 32;

/** Remembers no more than the latest summary of each guest and which of them NATS does not have yet. */
export class CoalescingWriter implements InventoryWriter {
  readonly #mesh: Mesh;
  readonly #host: string;
  readonly #uris: ReadonlySet<string>;
  readonly #domains = new Map<string, Domain>();
  readonly #unwritten = new Set<string>();
  /** Whether all guests have been told: until then, one that is stored and not known here is left alone. */
  #complete = false;
  #reconciled = false;
  #writing = 0;
  #wake = Promise.withResolvers<void>();
  readonly #waiters = new Set<() => void>();
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(mesh: Mesh, host: string, uris: ReadonlySet<string>) {
    this.#mesh = mesh;
    this.#host = word(host);
    this.#uris = uris;
    this.#running = this.#run(AbortSignal.any([this.#stop.signal, mesh.closing]));
  }

  put(domain: Domain): void {
    this.#domains.set(word(domain.uuid), domain);
    this.#mark(domain.uuid);
  }

  remove(uuid: string): void {
    this.#domains.delete(uuid);
    this.#mark(uuid);
  }

  replaceAll(domains: readonly Domain[]): void {
    const now = new Set(domains.map((d) => d.uuid));
    for (const uuid of [...this.#domains.keys()]) if (!now.has(uuid)) this.remove(uuid);
    for (const domain of domains) this.put(domain);
    this.#complete = true;
    // What is stored from before this start, and gone since, is found by reading.
    this.#reconciled = false;
    this.#wake.resolve();
  }

  async written(signal: AbortSignal): Promise<void> {
    const either = AbortSignal.any([signal, this.#stop.signal]);
    while (!this.#idle()) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const give = (): void =>
        reject(new VirtError("EVENTS_UNAVAILABLE", "the inventory is not written yet"));
      this.#waiters.add(resolve);
      either.addEventListener("abort", give, { once: true });
      if (either.aborted) give();
      try {
        await promise;
      } finally {
        this.#waiters.delete(resolve);
        either.removeEventListener("abort", give);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  #mark(uuid: string): void {
    this.#unwritten.add(uuid);
    this.#wake.resolve();
  }

  #idle(): boolean {
    return this.#reconciled && this.#unwritten.size === 0 && this.#writing === 0;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const wake = (): void => this.#wake.resolve();
    signal.addEventListener("abort", wake, { once: true });
    while (!signal.aborted) {
      let session: Session | undefined;
      try {
        session = await this.#mesh.whenConnected(signal);
        await this.#oneConnection(session, signal);
      } catch (e) {
        if (signal.aborted) return;
        if (session?.signal.aborted) continue;
        this.#mesh.logger.warn({ err: e }, "the inventory cannot be written, trying again");
        await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #oneConnection(session: Session, signal: AbortSignal): Promise<void> {
    const wake = (): void => this.#wake.resolve();
    session.signal.addEventListener("abort", wake, { once: true });
    this.#reconciled = false;
    while (!signal.aborted && !session.signal.aborted) {
      this.#wake = Promise.withResolvers<void>();
      if (!this.#reconciled) await this.#reconcile(session, signal);
      await this.#drain(session, signal);
      if (!this.#idle()) continue;
      for (const waiter of [...this.#waiters]) waiter();
      await this.#wake.promise;
    }
  }

  /** Finds out by reading what NATS lacks, has in another version, or has too much of. */
  async #reconcile(session: Session, signal: AbortSignal): Promise<void> {
    this.#reconciled = true;
    const stored = await readBucket(session, "inventory", `${this.#host}.*`, signal);
    for (const uuid of this.#domains.keys()) {
      if (!stored.has(this.#key(uuid))) this.#unwritten.add(uuid);
    }
    for (const [key, value] of stored) {
      const uuid = key.slice(this.#host.length + 1);
      const domain = this.#domains.get(uuid);
      if (!domain) {
        if (this.#complete && this.#isOurs(value)) this.#unwritten.add(uuid);
      } else if (Buffer.compare(Domain.encode(domain).finish(), value) !== 0) {
        this.#unwritten.add(uuid);
      }
    }
  }

  async #drain(session: Session, signal: AbortSignal): Promise<void> {
    while (this.#unwritten.size > 0) {
      signal.throwIfAborted();
      session.signal.throwIfAborted();
      const batch = [...this.#unwritten].slice(0, PARALLEL);
      this.#writing = batch.length;
      try {
        await Promise.all(batch.map((uuid) => this.#write(uuid, signal)));
      } finally {
        this.#writing = 0;
      }
    }
  }

  async #write(uuid: string, signal: AbortSignal): Promise<void> {
    // Taken off first: a change while the write is under way marks it again.
    this.#unwritten.delete(uuid);
    const domain = this.#domains.get(uuid);
    const key = this.#key(uuid);
    try {
      await this.#mesh.run(`writing guest ${uuid} to the inventory`, { signal }, async (s) => {
        const bucket = s.bucket("inventory");
        if (domain) await bucket.put(key, Domain.encode(domain).finish());
        else await bucket.delete(key);
      });
    } catch (e) {
      this.#unwritten.add(uuid);
      throw e;
    }
  }

  #key(uuid: string): string {
    return `${this.#host}.${uuid}`;
  }

  #isOurs(value: Uint8Array): boolean {
    return this.#uris.has(Domain.decode(value).uri);
  }
}
