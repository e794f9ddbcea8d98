import { setTimeout as delay } from "node:timers/promises";
import type { EventFeed } from "@virtmesh/agent/guests/event-feed";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { Scope } from "@virtmesh/kit/scope";
import { untilAborted } from "@virtmesh/mesh/abort";
import type { MeshLogger } from "@virtmesh/mesh/logger";
import { withoutOldDevice } from "../hotplug/device-change.ts";
import { releaseHostSide } from "../hotplug/release.ts";
import { reconcileHardware, type TakeUp } from "../hotplug/take-up.ts";
import type { Guest } from "./guest.ts";
import type { Instance } from "./instance.ts";
import type { LaunchSite } from "./launch.ts";
import { reconcile } from "./reconcile.ts";

export interface AttendantOptions {
  readonly site: LaunchSite;
  readonly events: EventFeed;
  readonly logger: MeshLogger;
  /** Keeps the definition of the next start. */
  readonly define: (definition: IdentifiedDomain, guest: Guest) => Promise<unknown>;
}

/** How long QEMU may take from closing its monitor to its end. */
const ENDING_MS = 3000;
/** As long as a timer can be set for. */
const EVENTUALLY_MS = 2 ** 31 - 1;

/** Keeps up with guests that run: hears their QEMU, does what they wait for, connects again when the connection broke. */
export class Attendant implements AsyncDisposable {
  readonly #o: AttendantOptions;
  readonly #scope = new Scope();

  constructor(options: AttendantOptions) {
    this.#o = options;
  }

  attend(guest: Guest, instance: Instance): void {
    let wasRebooting = instance.situation.rebooting;
    let resetting = false;
    instance.listen({
      event: (body, timeMs) => {
        if (body.kind === "device" && body.type === "removed")
          this.#forgetDevice(guest, instance, body.device);
        this.#o.events.emit(guest, body, { timeMs });
      },
      changed: () => {
        guest.forgetInfo();
        const { rebooting, shutdown } = instance.situation;
        const restarts = rebooting || guest.definition.onPoweroff === "restart";
        if (restarts && shutdown === "guest" && !resetting) {
          resetting = true;
          this.#background(guest, (signal) => reset(guest, signal).finally(() => (resetting = false)));
        }
        if (wasRebooting && !rebooting) this.#background(guest, () => powersOff(guest));
        wasRebooting = rebooting;
      },
      disconnected: (reason) => {
        if (reason.failure !== "closed") {
          this.#o.logger.error({ domain: guest.name, err: reason }, "the connection to QEMU broke");
        }
        this.#background(guest, () => this.#reconnect(guest, instance));
      },
    });
  }

  /** Its QEMU hangs now, perhaps on memory that is still on another host; it is caught up with when it answers. */
  catchUpLater(guest: Guest, instance: Instance): void {
    this.#background(guest, async () => {
      await instance.connect(this.#scope.signal, EVENTUALLY_MS);
      await reconcile(guest, this.#o.events);
    });
  }

  /** What the hardware of a guest is brought together with after a time in which nobody listened. */
  takeUpOf(guest: Guest): TakeUp {
    const { site, events, define } = this.#o;
    return { site, events, define: (definition) => define(definition, guest) };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#scope[Symbol.asyncDispose]();
  }

  /** Before the event is told, so that who hears it finds the guest without the device. */
  #forgetDevice(guest: Guest, instance: Instance, alias: string): void {
    const forgotten = instance.forget(alias, withoutOldDevice);
    if (forgotten === undefined || instance.unplugging.has(alias)) return;
    const { before, gone } = forgotten;
    this.#background(guest, () => releaseHostSide(guest, before, gone, this.#o.site));
  }

  #background(guest: Guest, work: (signal: AbortSignal) => Promise<void>): void {
    this.#scope.run(work, (e) => {
      if (guest.instance && !guest.instance.process.hasExited) {
        this.#o.logger.error({ domain: guest.name, err: e }, "a guest could not be kept up with");
      }
    });
  }

  /** QEMU closed its monitor, or said nonsense on it. Most often it is ending; else one new connection must do. */
  async #reconnect(guest: Guest, instance: Instance): Promise<void> {
    try {
      await instance.connect(this.#scope.signal);
      await reconcile(guest, this.#o.events);
      await reconcileHardware(guest, this.takeUpOf(guest));
    } catch (e) {
      const waiting = new AbortController();
      const signal = AbortSignal.any([waiting.signal, this.#scope.signal]);
      const late = delay(ENDING_MS, "late", { signal }).catch(() => "let go");
      const end = await Promise.race([instance.exited, late]);
      waiting.abort();
      if (end === "late") throw e;
    }
  }
}

type Rebooting = Pick<Guest, "qmp" | "mayGoOn" | "exited" | "execute">;

/** The second half of a reboot: the guest has powered off, which only stopped its CPUs. */
export async function reset(guest: Rebooting, signal: AbortSignal): Promise<void> {
  const told = Promise.withResolvers<void>();
  using _ = guest.qmp.onEvent(({ event }) => (event === "RESET" ? told.resolve() : undefined));
  await mayGoOn(guest, signal);
  await guest.execute("system_reset", undefined);
  await Promise.race([told.promise, guest.exited]);
  // A migration may have come to where they must not.
  await mayGoOn(guest, signal);
  await guest.execute("cont", undefined);
}

/** Its end counts too: then there is nothing left to do. */
async function mayGoOn(guest: Rebooting, signal: AbortSignal): Promise<void> {
  await Promise.race([guest.mayGoOn, guest.exited, untilAborted(signal)]);
  signal.throwIfAborted();
}

/** The next power-off of the guest does what its definition says. */
async function powersOff(guest: Guest): Promise<void> {
  const { onPoweroff = "destroy" } = guest.definition;
  await guest.execute("set-action", { shutdown: onPoweroff === "destroy" ? "poweroff" : "pause" });
}
