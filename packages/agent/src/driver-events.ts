import type { HypervisorEvent } from "@virtmesh/core/driver/events";
import type { InventoryWriter } from "@virtmesh/mesh/inventory";
import { toDraft } from "./convert/event.ts";
import { toWireDomain } from "./convert/domain.ts";
import type { ServiceContext } from "./services/context.ts";
import { placeOf } from "./services/context.ts";

/** Events after which the guest looks different. */
const CHANGING: ReadonlySet<HypervisorEvent["body"]["kind"]> = new Set(["lifecycle", "device", "resource"]);

/**
 * Brings what the driver says to the event log, the inventory and the run tokens. Subscribed before anything else
 * can change a guest.
 */
export function followDriver(c: ServiceContext, inventory: InventoryWriter | undefined): Disposable {
  const changed = new Set<string>();

  const settle = (): void => {
    for (const uuid of changed) {
      const info = c.driver.domains.find(uuid);
      if (info) inventory?.put(toWireDomain(info, placeOf(c, uuid)));
      else {
        inventory?.remove(uuid);
        releaseToken(c, uuid);
      }
    }
    changed.clear();
  };

  return c.driver.domains.subscribe((event: HypervisorEvent) => {
    c.events.emit(toDraft(event, c.queue.holderOf(event.uuid)?.trace ?? ""));
    if (!CHANGING.has(event.body.kind)) return;
    // Several events of one moment are one look at the guest, and by then the driver has done what it told.
    if (changed.size === 0) queueMicrotask(settle);
    changed.add(event.uuid);
  });
}

/** A guest that is gone needs no token. What a migration does with it is the migration's affair. */
function releaseToken(c: ServiceContext, uuid: string): void {
  if (c.queue.holderOf(uuid)?.exclusive) return;
  c.tokens.release(uuid).catch((err: unknown) => {
    c.logger.error({ err, domain: uuid }, "the run token of a guest that is gone could not be given back");
  });
}
