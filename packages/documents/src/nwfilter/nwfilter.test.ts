import { refuses } from "../testing/refusal-table.ts";
import { parseNwfilterBinding } from "./binding.ts";
import { completeNwfilter, formatNwfilter, parseNwfilter } from "./document.ts";

describe("a network filter", () => {
  const filter = (inside: string, attributes = "") => `<filter name='f' ${attributes}>\n${inside}</filter>`;
  const rule = (protocol: string) => filter(`<rule action='drop' direction='in'>${protocol}</rule>`);
  const written = (protocol: string) => formatNwfilter(completeNwfilter(parseNwfilter(rule(protocol))));

  it.each([
    ["<ip protocol='6'/>", "protocol='tcp'"],
    ["<ip srcipmask='255.255.0.0'/>", "srcipmask='16'"],
    ["<ipv6 srcipmask='ffff::'/>", "srcipmask='16'"],
    ["<mac protocolid='0x806'/>", "protocolid='arp'"],
    ["<arp opcode='0x2'/>", "opcode='Reply'"],
    ["<arp gratuitous='yes'/>", "gratuitous='true'"],
    ["<tcp srcportstart='0x0050'/>", "srcportstart='0x50'"],
    ["<tcp flags='ACK,SYN/SYN'/>", "flags='SYN,ACK/SYN'"],
    ["<tcp state='RELATED,NEW'/>", "state='NEW,RELATED'"],
    ["<tcp srcipaddr='$IP[ @0 ]'/>", "srcipaddr='$IP'"],
    ["<tcp srcipaddr='$IP[ 1 ]'/>", "srcipaddr='$IP[1]'"],
    ["<tcp match='no' dscp='2'/>", "match='no'"],
  ])("writes %s as libvirt does", (given, expected) => {
    expect(written(given)).toContain(expected);
  });

  it("has the place of its chain, unless it has one of its own", () => {
    const place = (attributes: string) => completeNwfilter(parseNwfilter(filter("", attributes))).priority;
    expect([place(""), place("chain='arp-x'"), place("chain='ipv4' priority='7'")]).toEqual([
      undefined,
      -500,
      7,
    ]);
  });

  it("keeps rules and references in their order", () => {
    const mixed = filter(
      "<filterref filter='a'/><rule action='drop' direction='in'/><filterref filter='b'/>",
    );
    expect(parseNwfilter(mixed).entries.map((entry) => entry.kind)).toEqual([
      "filterref",
      "rule",
      "filterref",
    ]);
  });

  describe("is refused with", () => {
    refuses(parseNwfilter, [
      ["a chain of no protocol", filter("", "chain='tcp'"), "root, or a name that begins with mac"],
      ["too long a chain", filter("", "chain='arp-0123456789'"), "longer than 12"],
      ["two protocols in a rule", rule("<tcp/><udp/>"), "only one is allowed"],
      ["a port beyond the last", rule("<tcp srcportstart='65536'/>"), "from 0 to 65535"],
      ["a mask with holes", rule("<ip srcipmask='255.0.255.0'/>"), "a number of bits"],
      [
        "an address of the other family",
        rule("<tcp srcipaddr='fe80::1'/>"),
        "an IPv4 address, or a variable",
      ],
      ["a frame type below the first", rule("<mac protocolid='0x5ff'/>"), "from 1536"],
    ]);
  });

  it("in use has the values of a variable together, by name", () => {
    const { filter: used } = parseNwfilterBinding(
      `<filterbinding><owner><name>g</name><uuid>d54df46f-1ab5-4a22-8618-4560ef5fac2c</uuid></owner><portdev name='v'/>
       <mac address='52:54:00:7b:35:93'/><filterref filter='f'><parameter name='B' value='2'/>
       <parameter name='A' value='1'/><parameter name='B' value='1'/></filterref></filterbinding>`,
    );
    expect(used.parameters.map(({ name, value }) => name + value)).toEqual(["A1", "B2", "B1"]);
  });
});
