import type { Call } from "@virtmesh/core/call";
import type {
  AddressSource,
  GuestInfoFacet,
  GuestInterface,
  GuestSystem,
} from "@virtmesh/core/driver/guest-info";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import type { Guest } from "../guests/guest.ts";
import type { EsxServer } from "../server.ts";
import { at, childrenOf, numberAt, textAt, type VimNode } from "../vim/node.ts";

/** What VMware Tools in the guest have told the host, which is in the stream of changes. */
export class EsxGuestInfo implements GuestInfoFacet {
  readonly #server: EsxServer;

  constructor(server: EsxServer) {
    this.#server = server;
  }

  async addresses(uuid: DomainUuid, source: AddressSource, _c: Call): Promise<readonly GuestInterface[]> {
    if (source !== "best" && source !== "agent")
      throw new VirtError(
        "UNSUPPORTED",
        `vSphere knows the addresses of its guests from the tools inside only; ask for the source agent`,
      );
    const guest = this.#server.guests.require(uuid);
    const nics = childrenOf(this.#told(guest, "guest.net"), "GuestNicInfo").flatMap(interfaceOf);
    if (nics.length === 0) throw silent(guest);
    return nics;
  }

  async system(uuid: DomainUuid, _c: Call): Promise<GuestSystem> {
    const guest = this.#server.guests.require(uuid);
    const text = (path: string): string => this.#told(guest, path)?.text ?? "";
    const [hostname, osName] = [text("guest.hostName"), text("guest.guestFullName")];
    if (hostname === "" && osName === "") throw silent(guest);
    const version = text("guest.toolsVersion");
    return {
      ...{ hostname, osName, osId: text("guest.guestId") },
      ...{ osVersion: "", kernel: "", timezone: "" },
      tools: version === "" ? "" : `VMware Tools ${version}`,
    };
  }

  #told(guest: Guest, path: string): VimNode | undefined {
    return this.#server.guests.told(guest.object).get(path);
  }
}

function interfaceOf(nic: VimNode): readonly GuestInterface[] {
  const mac = textAt(nic, "macAddress")?.toLowerCase();
  if (mac === undefined) return [];
  const exact = childrenOf(at(nic, "ipConfig"), "ipAddress").map((each) => ({
    address: textAt(each, "ipAddress") ?? "",
    prefix: numberAt(each, "prefixLength") ?? 0,
  }));
  const bare = childrenOf(nic, "ipAddress").map(({ text }) => ({ address: text, prefix: 0 }));
  const addresses = exact.length > 0 ? exact : bare;
  return addresses.length === 0 ? [] : [{ name: textAt(nic, "network") ?? "", mac, addresses }];
}

function silent({ name }: Guest): VirtError {
  return new VirtError(
    "GUEST_AGENT_SILENT",
    `the tools inside guest "${name}" have not said anything yet; are VMware Tools installed and running there?`,
    { resource: { type: "domain", name } },
  );
}
