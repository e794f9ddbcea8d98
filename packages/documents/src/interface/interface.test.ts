import { refuses } from "../testing/refusal-table.ts";
import { parseInterface } from "./document.ts";

describe("an interface of a host is refused with", () => {
  const ethernet = (inside: string) => `<interface type='ethernet' name='e'>\n${inside}</interface>`;
  refuses(parseInterface, [
    [
      "a family twice",
      ethernet("<protocol family='ipv4'/>\n<protocol family='ipv4'/>"),
      "protocol[2] (line 3",
    ],
    [
      "an address of another family",
      ethernet("<protocol family='ipv4'><ip address='fe80::1'/></protocol>"),
      "is not of the family ipv4",
    ],
    [
      "an IPv4 that configures itself",
      ethernet("<protocol family='ipv4'><autoconf/></protocol>"),
      "only IPv6",
    ],
    [
      "too long a prefix",
      ethernet("<protocol family='ipv4'><ip address='10.0.0.1' prefix='64'/></protocol>"),
      "at most 32",
    ],
    [
      "a bond of nothing",
      "<interface type='bond' name='b'><bond/></interface>",
      "needs at least one <interface>",
    ],
    [
      "two monitors",
      "<interface type='bond' name='b'><bond><miimon freq='1'/><arpmon interval='1' target='10.0.0.1'/><interface type='ethernet' name='e'/></bond></interface>",
      "exclude each other",
    ],
    [
      "the addresses of a member",
      "<interface type='bridge' name='b'><bridge><interface type='ethernet' name='e'><mtu size='1'/></interface></bridge></interface>",
      "unknown element <mtu>",
    ],
  ]);
});
