import type { Call } from "@virtmesh/core/call";
import type { AddressSource, GuestInfoFacet, GuestInterface } from "@virtmesh/core/driver/guest-info";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import type { Msvm } from "../msvm/types.ts";
import type { HypervServer } from "../server.ts";
import { hardwareOf } from "../settings/hardware.ts";
import { requireActive } from "./change-power.ts";

/** What the integration services in a guest have told Hyper-V. */
export class HypervGuestInfo implements GuestInfoFacet {
  readonly #server: HypervServer;

  constructor(server: HypervServer) {
    this.#server = server;
  }

  async addresses(uuid: DomainUuid, source: AddressSource, c: Call): Promise<readonly GuestInterface[]> {
    const guest = requireActive(this.#server, uuid);
    if (source !== "best" && source !== "agent")
      throw new VirtError(
        "UNSUPPORTED",
        `addresses of Hyper-V's guests are told by the services in them, not by "${source}"; ask for the source agent`,
      );
    const what = `the addresses of guest "${guest.name}" cannot be read`;
    const told = await this.#server.ask(
      what,
      (session, options) => session.query("Msvm_GuestNetworkAdapterConfiguration", options),
      c,
    );
    return hardwareOf(guest.facts.settings, this.#server.names).nics.map(({ mac, network, portId }) => ({
      ...{ name: network, mac },
      addresses: addressesOf(told.find(({ InstanceID }) => isOfPort(InstanceID, portId))),
    }));
  }
}

/** `Microsoft:GuestNetwork\GUEST\CARD` tells of the card `Microsoft:GUEST\CARD`. */
function isOfPort(instanceId: string | undefined, portId: string): boolean {
  const plain = instanceId?.replace(/^Microsoft:GuestNetwork\\/i, "Microsoft:");
  return plain?.toUpperCase() === portId.toUpperCase();
}

function addressesOf(
  told: Msvm<"Msvm_GuestNetworkAdapterConfiguration"> | undefined,
): GuestInterface["addresses"] {
  return (told?.IPAddresses ?? []).map((address, i) => ({ address, prefix: prefixOf(told?.Subnets?.[i]) }));
}

/** Of a mask, or of IPv6's number; 0 when it is neither. */
export function prefixOf(subnet = ""): number {
  if (!subnet.includes(".")) return Number(/^\/?(\d+)$/.exec(subnet)?.[1] ?? 0);
  const bits = subnet.split(".").reduce((all, part) => all + Number(part).toString(2).padStart(8, "0"), "");
  return bits.lastIndexOf("1") + 1;
}
