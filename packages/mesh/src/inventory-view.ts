import { Domain } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { VirtError } from "@virtmesh/core/errors";
import type { BucketEntry } from "./bucket-watch.ts";
import { watchBucket } from "./bucket-watch.ts";
import type { Mesh } from "./connection.ts";
import type { InventoryChange, InventoryView } from "./inventory.ts";

export class LiveInventory implements InventoryView {
  readonly synced: Promise<void>;
  readonly #mesh: Mesh;
  readonly #domains = new Map<string, Domain>();
  /** uuid -> host -> summary. */
  readonly #hosts = new Map<string, Map<string, Domain>>();
  readonly #listeners = new Set<(change: InventoryChange) => void>();
  readonly #watch: AsyncDisposable;
  readonly #ready = Promise.withResolvers<void>();

  constructor(mesh: Mesh) {
    this.#mesh = mesh;
    this.synced = this.#ready.promise;
    // Nobody may be waiting for it when the view is disposed early.
    this.synced.catch(() => undefined);
    this.#watch = watchBucket(mesh, "inventory", ">", {
      onEntry: (entry) => this.#take(entry),
      onSynced: (keys) => this.#settle(keys),
    });
  }

  list(): Domain[] {
    return [...this.#domains.values()];
  }

  get(host: string, uuid: string): Domain | undefined {
    return this.#domains.get(`${host}.${uuid}`);
  }

  byUuid(uuid: string): Domain[] {
    return [...(this.#hosts.get(uuid)?.values() ?? [])];
  }

  onChange(listener: (change: InventoryChange) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watch[Symbol.asyncDispose]();
    this.#ready.reject(new VirtError("SHUTTING_DOWN", "the view of the inventory was closed"));
  }

  #take({ key, value }: BucketEntry): void {
    if (value === undefined) {
      this.#remove(key);
      return;
    }
    const domain = this.#read(key, value);
    if (!domain) return;
    const [host, uuid] = split(key);
    this.#domains.set(key, domain);
    let hosts = this.#hosts.get(uuid);
    if (!hosts) this.#hosts.set(uuid, (hosts = new Map()));
    hosts.set(host, domain);
    this.#tell({ host, uuid, domain });
  }

  /** What was removed while there was no connection sent no message. */
  #settle(keys: ReadonlySet<string>): void {
    for (const key of [...this.#domains.keys()]) if (!keys.has(key)) this.#remove(key);
    this.#ready.resolve();
  }

  #remove(key: string): void {
    if (!this.#domains.delete(key)) return;
    const [host, uuid] = split(key);
    const hosts = this.#hosts.get(uuid);
    hosts?.delete(host);
    if (hosts?.size === 0) this.#hosts.delete(uuid);
    this.#tell({ host, uuid, domain: undefined });
  }

  #read(key: string, value: Uint8Array): Domain | undefined {
    try {
      return Domain.decode(value);
    } catch (e) {
      this.#mesh.logger.error(
        { err: e, key },
        "an entry of the inventory cannot be read, the guest is left out",
      );
      return undefined;
    }
  }

  #tell(change: InventoryChange): void {
    for (const listener of [...this.#listeners]) listener(change);
  }
}

/** Hosts have no dots in their names. */
function split(key: string): [host: string, uuid: string] {
  const dot = key.indexOf(".");
  return [key.slice(0, dot), key.slice(dot + 1)];
}
