import { setTimeout as delay } from "node:timers/promises";
import { imageAt } from "../images/images.ts";
import { type MsvmSession, serviceReference, settingReference } from "../msvm/session.ts";
import { readMsvm } from "../msvm/read.ts";
import { isKind } from "../settings/model.ts";
import type { CallOptions } from "../wsman/client.ts";
import { type Counters, NO_COUNTERS, readCounters } from "./counters.ts";
import type { Facts } from "./facts.ts";
import type { Guest } from "./guest.ts";
import type { Guests } from "./guests.ts";

export interface Sample {
  readonly timeMs: number;
  /** What the guest has of the host's memory. */
  readonly memoryMib: bigint;
}

const PERIOD_MS = 10_000;
/** As many guests as have room in one answer, in which each takes some kilobytes. */
const PER_CALL = 100;
/** RequestedInformation of GetSummaryInformation: the guest's GUID, and its memory. */
const WANTED = [0, 103];

/**
 * Takes the numbers of all guests that run, many in one call, every few seconds. Numbers have no events, so there is no other
 * way; a read takes what is there and waits for nobody. The size of each disk is asked for once.
 */
export class Sampler {
  readonly #guests: Guests;
  readonly #samples = new Map<string, Sample>();
  #counters = NO_COUNTERS;
  /** Of disks by their path; 0 where the host does not tell. */
  readonly #sizes = new Map<string, bigint>();

  constructor(guests: Guests) {
    this.#guests = guests;
  }

  of(key: string): Sample | undefined {
    return this.#samples.get(key);
  }

  get counters(): Counters {
    return this.#counters;
  }

  sizeOf(path: string): bigint {
    return this.#sizes.get(path) ?? 0n;
  }

  async run(session: MsvmSession, signal: AbortSignal, onError: (e: unknown) => void): Promise<void> {
    while (!signal.aborted) {
      await delay(PERIOD_MS, undefined, { signal }).catch(() => undefined);
      await this.take(session, { signal }).catch((e: unknown) => {
        if (!signal.aborted) onError(e);
      });
    }
  }

  async take(session: MsvmSession, options: CallOptions): Promise<void> {
    const active = this.#guests.all().filter((guest) => guest.active);
    forget(this.#samples, new Set(active.map(({ key }) => key)));
    const paths = new Set(active.flatMap(({ facts }) => hardDisksOf(facts)));
    forget(this.#sizes, paths);
    for (let from = 0; from < active.length; from += PER_CALL)
      await this.#summarize(session, active.slice(from, from + PER_CALL), options);
    this.#counters = await readCounters(session, options);
    // All at once: the client has a few connections and lets the rest wait.
    const fresh = [...paths].filter((path) => !this.#sizes.has(path));
    await Promise.all(fresh.map(async (path) => this.#sizes.set(path, await sizeAt(session, path, options))));
  }

  async #summarize(session: MsvmSession, guests: readonly Guest[], options: CallOptions): Promise<void> {
    const SettingData = guests.map(({ settingsId }) =>
      settingReference("Msvm_VirtualSystemSettingData", settingsId),
    );
    const { output } = await session.call(
      "Msvm_VirtualSystemManagementService",
      serviceReference("Msvm_VirtualSystemManagementService"),
      "GetSummaryInformation",
      { SettingData, RequestedInformation: WANTED },
      options,
    );
    for (const each of output.SummaryInformation ?? []) {
      const { Name = "", MemoryUsage = 0n } = readMsvm("Msvm_SummaryInformation", each);
      this.#samples.set(Name.toUpperCase(), { timeMs: Date.now(), memoryMib: MemoryUsage });
    }
  }
}

/** What lies in drives is a disk, or what is in a tray. */
function hardDisksOf({ settings }: Facts): readonly string[] {
  return settings.media
    .filter((each) => isKind(each, "hardDisk"))
    .flatMap(({ HostResource = [] }) => HostResource);
}

async function sizeAt(session: MsvmSession, path: string, options: CallOptions): Promise<bigint> {
  // A disk that the host cannot look into has no size to show.
  return (await imageAt(session, path, options))?.MaxInternalSize ?? 0n;
}

function forget(all: Map<string, unknown>, kept: ReadonlySet<string>): void {
  for (const key of all.keys()) if (!kept.has(key)) all.delete(key);
}
