import {
  AddressSource,
  GetGuestInfoRequest,
  GuestInfo,
  GuestInfoServiceService as guests,
  type GuestInterface,
  ListDomainAddressesRequest,
  ListDomainAddressesResponse,
} from "@virtmesh/api/gen/virtmesh/v1/guest_info";
import { isIPv6 } from "node:net";
import { resolveTarget, type Session } from "../session.ts";
import { DOMAIN_ARGUMENT, type Given, type Verb } from "../verb.ts";
import { clean } from "../output/table.ts";

const SOURCES: Readonly<Record<string, AddressSource>> = {
  lease: AddressSource.ADDRESS_SOURCE_LEASE,
  agent: AddressSource.ADDRESS_SOURCE_AGENT,
  arp: AddressSource.ADDRESS_SOURCE_ARP,
};

interface Row {
  readonly nic: GuestInterface;
  readonly address: GuestInterface["addresses"][number] | undefined;
}

function addressWord({ address }: Row): string {
  if (address === undefined) return "-";
  return address.prefix === 0 ? address.address : `${address.address}/${address.prefix}`;
}

export const domifaddr: Verb = {
  name: "domifaddr",
  group: "Guest state",
  summary: "the network addresses of a guest",
  args: [DOMAIN_ARGUMENT],
  options: [
    {
      flags: "--source <who>",
      help: "who is asked; whoever knows best unless given",
      choices: Object.keys(SOURCES),
    },
  ],
  async run(session, given) {
    const target = await resolveTarget(session, given.arg(0));
    const source = SOURCES[given.text("source")] ?? AddressSource.ADDRESS_SOURCE_UNSPECIFIED;
    const answer = await session.rpc.unary(
      guests.listDomainAddresses,
      ListDomainAddressesRequest.fromPartial({ ...target, source }),
    );
    if (session.globals.json) return session.terminal.object(ListDomainAddressesResponse.toJSON(answer));
    const rows = answer.interfaces.flatMap((nic): Row[] =>
      nic.addresses.length === 0
        ? [{ nic, address: undefined }]
        : nic.addresses.map((address) => ({ nic, address })),
    );
    session.terminal.table(
      [
        { title: "Name", cell: ({ nic }) => nic.name || "-" },
        { title: "MAC address", cell: ({ nic }) => nic.mac || "-" },
        {
          title: "Protocol",
          cell: ({ address }) => (address === undefined ? "-" : isIPv6(address.address) ? "ipv6" : "ipv4"),
        },
        { title: "Address", cell: addressWord },
      ],
      rows,
    );
  },
};

async function ask(session: Session, given: Given): Promise<GuestInfo> {
  const target = await resolveTarget(session, given.arg(0));
  return session.rpc.unary(guests.getGuestInfo, GetGuestInfoRequest.fromPartial(target));
}

export const guestinfo: Verb = {
  name: "guestinfo",
  group: "Guest state",
  summary: "what is known of the system inside a guest",
  args: [DOMAIN_ARGUMENT],
  async run(session, given) {
    const info = await ask(session, given);
    if (session.globals.json) return session.terminal.object(GuestInfo.toJSON(info));
    session.terminal.fields([
      ["Hostname", info.hostname],
      ["OS", info.osName],
      ["OS id", info.osId],
      ["OS version", info.osVersion],
      ["Kernel", info.kernel],
      ["Timezone", info.timezone],
      ["Tools", info.tools],
    ]);
  },
};

export const domhostname: Verb = {
  name: "domhostname",
  group: "Guest state",
  summary: "the name that a guest has given itself",
  args: [DOMAIN_ARGUMENT],
  async run(session, given) {
    const info = await ask(session, given);
    if (session.globals.json) session.terminal.object({ hostname: info.hostname });
    else session.terminal.print(clean(info.hostname));
  },
};
