import { ownCall } from "@virtmesh/core/call";
import { isActive } from "@virtmesh/core/domain/state";
import type { DomainUuid } from "@virtmesh/core/ids";
import type { Chassis } from "../chassis.ts";

/** A guest that was taken back while this host was off: ends what is here of it, and forgets its definition. */
export async function endFenced(c: Chassis, uuid: DomainUuid): Promise<void> {
  const call = ownCall(c.signal);
  await c.queue.run({ uuid }, { verb: "fence" }, call, async () => {
    const guest = c.driver.domains.find(uuid);
    if (guest !== undefined && isActive(guest.state)) await c.driver.domains.destroy(uuid, call);
    if (c.driver.domains.find(uuid)?.persistent === true) await c.driver.domains.undefine(uuid, call);
  });
}
