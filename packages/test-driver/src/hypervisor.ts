import type { Call } from "@virtmesh/core/call";
import type { LifecycleType } from "@virtmesh/core/domain/state";
import type { BlockJobInfo } from "@virtmesh/core/driver/block-jobs";
import type { EventListener, HypervisorEventBody } from "@virtmesh/core/driver/events";
import { VirtError } from "@virtmesh/core/errors";
import { type DomainUuid, parseUuid } from "@virtmesh/core/ids";
import { type Definition, disksOf } from "./definition.ts";
import { type Guest, type Instance, ranMs } from "./guest.ts";
import { Images } from "./images.ts";

/** Size of a disk whose image nobody made before. */
const DEFAULT_CAPACITY_BYTES = 64n << 20n;

/** How a guest came to run, and to its end, in libvirt's words. */
type StartDetail = "booted" | "migrated" | "restored" | "from-snapshot";
type StopReason = "destroyed" | "shutdown" | "crashed" | "migrated" | "failed" | "saved" | "from-snapshot";

/**
 * The state of one test host and every step it can take; each step tells the listeners in the words libvirt
 * uses for it. It checks nothing that belongs to a call: that is the facets' part.
 */
export class Hypervisor {
  readonly images = new Images();
  /** Names and UUIDs that a guest on its way in will have. */
  readonly expected = new Map<DomainUuid, string>();
  readonly #guests = new Map<DomainUuid, Guest>();
  readonly #listeners = new Set<EventListener>();
  #lastId = 0;

  list(): Guest[] {
    return [...this.#guests.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  find(ref: string): Guest | undefined {
    const uuid = parseUuid(ref);
    const byUuid = uuid === undefined ? undefined : this.#guests.get(uuid as DomainUuid);
    return byUuid ?? this.list().find((guest) => guest.name === ref);
  }

  /** @throws DOMAIN_NOT_FOUND. */
  get(uuid: DomainUuid): Guest {
    const guest = this.#guests.get(uuid);
    if (guest !== undefined) return guest;
    throw new VirtError("DOMAIN_NOT_FOUND", `there is no guest with the UUID ${uuid} on this host`, {
      resource: { type: "domain", name: uuid },
    });
  }

  /** @throws DOMAIN_NOT_RUNNING. */
  running(uuid: DomainUuid): { readonly guest: Guest; readonly instance: Instance } {
    const guest = this.get(uuid);
    if (guest.instance !== undefined) return { guest, instance: guest.instance };
    throw new VirtError("DOMAIN_NOT_RUNNING", `guest "${guest.name}" does not run; start it first`);
  }

  subscribe(listener: EventListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** @throws DOMAIN_EXISTS when the name belongs to another guest, or the UUID to one of another name. */
  checkFree(uuid: DomainUuid, name: string): void {
    const sameUuid = this.#guests.get(uuid);
    if (sameUuid !== undefined && sameUuid.name !== name) {
      throw taken(`the UUID ${uuid} belongs to guest "${sameUuid.name}" already`, name);
    }
    const sameName = this.list().find((guest) => guest.name === name && guest.uuid !== uuid);
    if (sameName !== undefined) {
      throw taken(`guest "${name}" exists already, with the UUID ${sameName.uuid}`, name);
    }
    for (const [other, otherName] of this.expected) {
      if (other === uuid || otherName === name)
        throw taken(`guest "${name}" is on its way in by a migration`, name);
    }
  }

  /** Makes the persistent definition, or replaces it. */
  define(definition: Definition, c?: Call): Guest {
    const { uuid, name } = definition.model;
    const known = this.#guests.get(uuid);
    const guest = known ?? this.#add(uuid, name, definition);
    guest.persistent = definition;
    guest.latest = definition;
    this.#makeImages(definition);
    this.#lifecycle(guest, "defined", known === undefined ? "added" : "updated", c);
    return guest;
  }

  /** Another definition for what runs, as devices come and go. */
  redefineRunning(guest: Guest, definition: Definition): void {
    if (guest.instance === undefined) return;
    guest.instance.definition = definition;
    guest.latest = definition;
    this.#makeImages(definition);
  }

  undefine(guest: Guest, c?: Call): void {
    guest.persistent = undefined;
    guest.autostart = false;
    if (guest.instance === undefined) this.#guests.delete(guest.uuid);
    this.#lifecycle(guest, "undefined", "removed", c);
  }

  /** Starts an instance; of a guest that is not known, a transient one. */
  start(definition: Definition, state: "running" | "paused", detail: StartDetail, c?: Call): Guest {
    const { uuid, name } = definition.model;
    const guest = this.#guests.get(uuid) ?? this.#add(uuid, name, definition);
    const now = Date.now();
    guest.latest = definition;
    guest.saved = undefined;
    guest.instance = {
      id: ++this.#lastId,
      definition,
      state,
      reason: state === "running" ? detail : "user",
      startTimeMs: now,
      ranMs: 0,
      runningSinceMs: state === "running" ? now : undefined,
      life: new AbortController(),
      jobs: new Map(),
      console: undefined,
    };
    this.#makeImages(definition);
    this.#lifecycle(guest, "started", detail, c);
    if (state === "paused") this.#lifecycle(guest, "suspended", "paused", c);
    else if (detail === "migrated") this.#lifecycle(guest, "resumed", "migrated", c);
    return guest;
  }

  /** Ends the instance, and with it a transient guest. */
  stop(guest: Guest, reason: StopReason, c?: Call): void {
    const { instance } = guest;
    if (instance === undefined) return;
    guest.instance = undefined;
    guest.ended = { state: reason === "crashed" ? "crashed" : "shutoff", reason };
    instance.life.abort(new VirtError("DOMAIN_NOT_RUNNING", `guest "${guest.name}" stopped (${reason})`));
    instance.console?.end();
    if (guest.persistent === undefined) this.#guests.delete(guest.uuid);
    this.#lifecycle(guest, "stopped", reason, c);
  }

  pause(guest: Guest, instance: Instance, reason: "user" | "migrating" | "io-error", c?: Call): void {
    if (instance.state === "running") {
      instance.ranMs = ranMs(instance, Date.now());
      instance.runningSinceMs = undefined;
    }
    instance.state = "paused";
    instance.reason = reason;
    const detail = { user: "paused", migrating: "migrated", "io-error": "io-error" }[reason];
    this.#lifecycle(guest, "suspended", detail, c);
  }

  resume(guest: Guest, instance: Instance, reason: "unpaused" | "migrated", c?: Call): void {
    instance.state = "running";
    instance.reason = reason;
    instance.runningSinceMs = Date.now();
    this.#lifecycle(guest, "resumed", reason, c);
  }

  /** The hardware's reset, which the guest hears of as a reboot. */
  reset(guest: Guest, c?: Call): void {
    this.#lifecycle(guest, "rebooted", "", c);
  }

  /** The guest's own way down, of which libvirt tells in two steps. */
  powerOff(guest: Guest): void {
    if (guest.instance === undefined) return;
    guest.instance.state = "shutdown";
    this.#lifecycle(guest, "shutdown", "finished");
    this.stop(guest, "shutdown");
  }

  setJob(guest: Guest, instance: Instance, job: BlockJobInfo): void {
    const over = job.state === "completed" || job.state === "failed" || job.state === "cancelled";
    if (over) instance.jobs.delete(job.id);
    else instance.jobs.set(job.id, job);
    this.emit(guest, { kind: "blockJob", job });
  }

  emit(guest: Guest, body: HypervisorEventBody, c?: Call): void {
    const event = {
      uuid: guest.uuid,
      name: guest.name,
      timeMs: Date.now(),
      body,
      ...(c === undefined || c.actor === "" ? {} : { actor: c.actor }),
      ...(c === undefined || c.requestId === "" ? {} : { requestId: c.requestId }),
    };
    for (const listener of [...this.#listeners]) listener(event);
  }

  /** Ends every guest, without events: the test host is switched off. */
  close(): void {
    this.#listeners.clear();
    for (const guest of this.#guests.values()) {
      guest.instance?.life.abort(new VirtError("SHUTTING_DOWN", "the test hypervisor is being switched off"));
      guest.instance?.console?.end();
    }
  }

  #add(uuid: DomainUuid, name: string, definition: Definition): Guest {
    const guest: Guest = {
      uuid,
      name,
      persistent: undefined,
      instance: undefined,
      autostart: false,
      ended: { state: "shutoff", reason: "unknown" },
      latest: definition,
      saved: undefined,
      snapshots: new Map(),
      currentSnapshot: "",
    };
    this.#guests.set(uuid, guest);
    return guest;
  }

  #makeImages(definition: Definition): void {
    for (const disk of disksOf(definition.model)) {
      if (disk.source !== "") this.images.open(disk.source, DEFAULT_CAPACITY_BYTES);
    }
  }

  #lifecycle(guest: Guest, type: LifecycleType, detail: string, c?: Call): void {
    this.emit(guest, { kind: "lifecycle", type, detail }, c);
  }
}

function taken(message: string, name: string): VirtError {
  return new VirtError("DOMAIN_EXISTS", message, { resource: { type: "domain", name } });
}
