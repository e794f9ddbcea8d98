import * as wire from "@virtmesh/api/gen/virtmesh/v1/guest_info";
import type { Call } from "@virtmesh/core/call";
import { isActive } from "@virtmesh/core/domain/state";
import { need } from "@virtmesh/core/driver/driver";
import type { AddressSource } from "@virtmesh/core/driver/guest-info";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import { unary } from "@virtmesh/kit/grpc-server";
import type { ServedService } from "../chassis.ts";
import { unknownValue } from "../convert/field.ts";
import type { ServiceContext } from "./context.ts";
import { findDomain } from "./context.ts";

export function guestInfoService(c: ServiceContext): ServedService {
  return {
    definition: wire.GuestInfoServiceService,
    implementation: {
      listDomainAddresses: unary(
        async (
          request: wire.ListDomainAddressesRequest,
          call: Call,
        ): Promise<wire.ListDomainAddressesResponse> => {
          c.checkUri(request.uri);
          const addresses = need(c.driver, "guestInfo", "addresses");
          const source = sourceOf(request.source);
          const found = await addresses(running(c, request.domain), source, call);
          return { interfaces: found.map((nic) => ({ ...nic, addresses: [...nic.addresses] })) };
        },
      ),
      getGuestInfo: unary((request: wire.GetGuestInfoRequest, call: Call): Promise<wire.GuestInfo> => {
        c.checkUri(request.uri);
        const system = need(c.driver, "guestInfo", "system");
        return system(running(c, request.domain), call);
      }),
    },
  };
}

function sourceOf(source: wire.AddressSource): AddressSource {
  switch (source) {
    case wire.AddressSource.ADDRESS_SOURCE_UNSPECIFIED:
      return "best";
    case wire.AddressSource.ADDRESS_SOURCE_LEASE:
      return "lease";
    case wire.AddressSource.ADDRESS_SOURCE_AGENT:
      return "agent";
    case wire.AddressSource.ADDRESS_SOURCE_ARP:
      return "arp";
    default:
      throw unknownValue("source", source);
  }
}

function running(c: ServiceContext, ref: string): DomainUuid {
  const info = findDomain(c, ref);
  if (isActive(info.state)) return info.uuid;
  throw new VirtError("DOMAIN_NOT_RUNNING", `guest "${info.name}" does not run, there is no system in it`, {
    resource: { type: "domain", name: info.name },
  });
}
