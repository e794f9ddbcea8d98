import { setTimeout as delay } from "node:timers/promises";
import { type MsvmSession, serviceReference, settingReference } from "../msvm/session.ts";
import { readMsvm } from "../msvm/read.ts";
import type { CallOptions } from "../wsman/client.ts";
import type { Guests } from "./guests.ts";

export interface Sample {
  readonly timeMs: number;
  /** What the guest has of the host's memory. */
  readonly memoryMib: bigint;
}

const PERIOD_MS = 10_000;
/** RequestedInformation of GetSummaryInformation: the guest's GUID, and its memory. */
const WANTED = [0, 103];

/**
 * Takes the numbers of all guests that run in one call every few seconds. Numbers have no events, so there is no other
 * way; a read takes what is there and waits for nobody.
 */
export class Sampler {
  readonly #guests: Guests;
  readonly #samples = new Map<string, Sample>();

  constructor(guests: Guests) {
    this.#guests = guests;
  }

  of(key: string): Sample | undefined {
    return this.#samples.get(key);
  }

  async run(session: MsvmSession, signal: AbortSignal, onError: (e: unknown) => void): Promise<void> {
    while (!signal.aborted) {
      await delay(PERIOD_MS, undefined, { signal }).catch(() => undefined);
      await this.#take(session, { signal }).catch((e: unknown) => {
        if (!signal.aborted) onError(e);
      });
    }
  }

  async #take(session: MsvmSession, options: CallOptions): Promise<void> {
    const active = this.#guests.all().filter((guest) => guest.active);
    const known = new Set(active.map(({ key }) => key));
    for (const key of this.#samples.keys()) if (!known.has(key)) this.#samples.delete(key);
    if (active.length === 0) return;
    const { output } = await session.call(
      "Msvm_VirtualSystemManagementService",
      serviceReference("Msvm_VirtualSystemManagementService"),
      "GetSummaryInformation",
      {
        SettingData: active.map(({ key }) =>
          settingReference("Msvm_VirtualSystemSettingData", `Microsoft:${key}`),
        ),
        RequestedInformation: WANTED,
      },
      options,
    );
    for (const each of output.SummaryInformation ?? []) {
      const { Name = "", MemoryUsage = 0n } = readMsvm("Msvm_SummaryInformation", each);
      this.#samples.set(Name.toUpperCase(), { timeMs: Date.now(), memoryMib: MemoryUsage });
    }
  }
}
