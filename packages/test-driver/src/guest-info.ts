import type { Call } from "@virtmesh/core/call";
import type {
  AddressSource,
  GuestInfoFacet,
  GuestInterface,
  GuestSystem,
} from "@virtmesh/core/driver/guest-info";
import type { DomainUuid } from "@virtmesh/core/ids";
import { currentDefinition, infoOf } from "./guest.ts";
import type { Hypervisor } from "./hypervisor.ts";
import { TEST_HYPERVISOR_VERSION } from "./migration.ts";

/** The systems inside test guests: their addresses follow from their MAC addresses, in networks meant for documents. */
export class TestGuestInfo implements GuestInfoFacet {
  readonly #hypervisor: Hypervisor;

  constructor(hypervisor: Hypervisor) {
    this.#hypervisor = hypervisor;
  }

  async addresses(uuid: DomainUuid, source: AddressSource, c: Call): Promise<readonly GuestInterface[]> {
    const { guest } = this.#hypervisor.running(uuid);
    await currentDefinition(guest).plan.before("addresses", c);
    const inside = source === "agent" || source === "best";
    return infoOf(guest).interfaces.map(({ mac, device }, i) => {
      const last = Number.parseInt(mac.slice(-2), 16);
      return {
        name: inside ? `eth${i}` : device,
        mac,
        addresses: [
          { address: `192.0.2.${last}`, prefix: 24 },
          ...(inside ? [{ address: `2001:db8::${last.toString(16)}`, prefix: 64 }] : []),
        ],
      };
    });
  }

  async system(uuid: DomainUuid, c: Call): Promise<GuestSystem> {
    const { guest } = this.#hypervisor.running(uuid);
    await currentDefinition(guest).plan.before("guestInfo", c);
    return {
      hostname: guest.name,
      osId: "test",
      osName: "Test guest",
      osVersion: TEST_HYPERVISOR_VERSION,
      kernel: "",
      timezone: "UTC",
      tools: "test",
    };
  }
}
