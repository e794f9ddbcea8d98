import type { Call } from "@virtmesh/core/call";
import type {
  AddressSource,
  GuestInfoFacet,
  GuestInterface,
  GuestSystem,
} from "@virtmesh/core/driver/guest-info";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import { readMsvm } from "../msvm/read.ts";
import { quoted } from "../msvm/session.ts";
import type { Msvm } from "../msvm/types.ts";
import type { HypervServer } from "../server.ts";
import { hardwareOf } from "../settings/hardware.ts";
import { readCimXml } from "../wsman/cim-xml.ts";
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

  async system(uuid: DomainUuid, c: Call): Promise<GuestSystem> {
    const guest = requireActive(this.#server, uuid);
    const [component] = await this.#server.ask(
      `what guest "${guest.name}" tells of itself cannot be read`,
      (session, options) =>
        session.query("Msvm_KvpExchangeComponent", options, `SystemName = ${quoted(guest.key)}`),
      c,
    );
    const items = (component?.GuestIntrinsicExchangeItems ?? []).map((text) =>
      readMsvm("Msvm_KvpExchangeDataItem", readCimXml(text)),
    );
    if (items.length === 0)
      throw new VirtError(
        "GUEST_AGENT_SILENT",
        `the integration services in guest "${guest.name}" have told nothing of it; is their data exchange installed and running there?`,
        { resource: { type: "domain", name: guest.name } },
      );
    return systemOf(new Map(items.map(({ Name = "", Data = "" }) => [Name, Data])));
  }
}

/**
 * What the services in a guest tell of it (Msvm_KvpExchangeDataItem). Only those in a Windows say a platform; those in a Linux
 * give its release as the major version, and its kernel as version and build.
 */
export function systemOf(items: ReadonlyMap<string, string>): GuestSystem {
  const told = (key: string): string => items.get(key) ?? "";
  const services = told("IntegrationServicesVersion");
  const isWindows = told("OSPlatformId") !== "" || /windows/i.test(told("OSName"));
  return {
    ...{ hostname: told("FullyQualifiedDomainName"), osName: told("OSName"), timezone: "" },
    ...(isWindows
      ? { osId: "mswindows", osVersion: told("OSVersion"), kernel: "" }
      : { osId: "", osVersion: told("OSMajorVersion"), kernel: told("OSBuildNumber") }),
    tools: services === "" ? "" : `Hyper-V integration services ${services}`,
  };
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
