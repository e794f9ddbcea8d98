import type { BlockStats, DomainStats, InterfaceStats } from "@virtmesh/core/driver/domains";
import type { Guest } from "../domain/guest.ts";
import type { Guests } from "../domain/guests.ts";
import type { Instance } from "../domain/instance.ts";
import { readProcessStat } from "@virtmesh/agent/machine/process-stat";
import { interfaceStats, readHostCounters } from "@virtmesh/agent/machine/interface-counters";
import { blockStats } from "./collect.ts";

interface Sample {
  readonly timeMs: number;
  readonly cpuTimeNs: bigint;
  readonly rssBytes: bigint;
  readonly blocks: readonly BlockStats[];
  readonly interfaces: readonly InterfaceStats[];
}

const PERIOD_MS = 5000;
/** A QEMU that takes longer keeps the numbers of before; their time tells how old they are. */
const DEADLINE_MS = 1000;

/**
 * Takes the numbers of every running guest every few seconds in the background. Numbers of QEMU have no event, so
 * there is no other way; a read takes what is there and waits for nobody.
 */
export class StatsSampler implements AsyncDisposable {
  readonly #guests: Guests;
  readonly #samples = new WeakMap<Instance, Sample>();
  /** Guests whose sample is being taken: one that hangs is not asked again meanwhile. */
  readonly #busy = new Map<Instance, Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  readonly #onError: (guest: Guest, error: unknown) => void;

  constructor(guests: Guests, onError: (guest: Guest, error: unknown) => void) {
    this.#guests = guests;
    this.#onError = onError;
    this.#timer = setInterval(() => this.#round(), PERIOD_MS);
  }

  /** Numbers of a guest: those of its last sample, and of this moment what costs nothing. */
  statsOf(guest: Guest): DomainStats {
    const { definition, instance, state, reason } = guest;
    if (instance && !this.#samples.has(instance)) this.#begin(guest, instance);
    const sample = instance && this.#samples.get(instance);
    const maxMemoryBytes = definition.memory.bytes;
    return {
      uuid: guest.uuid,
      name: guest.name,
      state,
      stateReason: reason,
      sampleTimeMs: sample?.timeMs ?? 0,
      cpuTimeNs: sample?.cpuTimeNs ?? 0n,
      vcpus: definition.vcpu.current ?? definition.vcpu.count,
      memoryBytes: instance ? (definition.currentMemory?.bytes ?? maxMemoryBytes) : 0n,
      maxMemoryBytes,
      rssBytes: sample?.rssBytes ?? 0n,
      blocks: sample?.blocks ?? [],
      interfaces: sample?.interfaces ?? [],
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#busy.values());
  }

  #round(): void {
    for (const guest of this.#guests.all()) if (guest.instance) this.#begin(guest, guest.instance);
  }

  /** What the process itself tells is there at once; what QEMU tells comes when it answers. */
  #begin(guest: Guest, instance: Instance): void {
    if (this.#busy.has(instance)) return;
    const stat = readProcessStat(instance.process.pid);
    if (stat === undefined || stat.startTicks !== instance.process.startTicks) return;
    const { cpuTimeNs, rssBytes } = stat;
    // Counters begin at zero: that is what is known of a guest that has just started.
    const before = this.#samples.get(instance) ?? {
      timeMs: Date.now(),
      blocks: blockStats(instance.definition, [], []),
      interfaces: [],
    };
    this.#samples.set(instance, { ...before, cpuTimeNs, rssBytes });
    const taking = this.#take(guest, instance)
      .then((asked) => this.#samples.set(instance, { timeMs: Date.now(), cpuTimeNs, rssBytes, ...asked }))
      .then(() => undefined)
      .catch((e: unknown) => {
        if (!instance.process.hasExited) this.#onError(guest, e);
      })
      .finally(() => this.#busy.delete(instance));
    this.#busy.set(instance, taking);
  }

  async #take(guest: Guest, instance: Instance): Promise<Pick<Sample, "blocks" | "interfaces">> {
    const { definition } = instance;
    const options = { timeoutMs: DEADLINE_MS };
    const [devices, nodes] = await Promise.all([
      guest.execute("query-blockstats", undefined, options),
      guest.execute("query-named-block-nodes", { flat: true }, options),
    ]);
    return { blocks: blockStats(definition, devices, nodes), interfaces: this.#interfaces(instance) };
  }

  #interfaces({ allotment, definition }: Instance): readonly InterfaceStats[] {
    return Object.entries(allotment.taps).flatMap(([alias, { ifname }]) => {
      const counters = readHostCounters(ifname);
      const mac = definition.devices.interfaces.find((nic) => nic.alias === alias)?.mac?.address ?? "";
      return counters === undefined ? [] : [interfaceStats(ifname, mac, counters)];
    });
  }
}
