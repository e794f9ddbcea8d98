import { refusal } from "../testing/refusal.ts";
import { refuses } from "../testing/refusal-table.ts";
import { completeNetwork, formatNetwork, parseNetwork } from "./document.ts";
import { addressBits, isInside, prefixOf } from "./ip.ts";
import { type NetworkUpdate, updateNetwork } from "./update.ts";

const IP = "<ip address='192.168.122.1' netmask='255.255.255.0'>";
const network = (inside: string) => `<network>\n<name>n</name>\n${inside}\n</network>`;
const dhcp = (inside: string) => network(`${IP}<dhcp>${inside}</dhcp></ip>`);

describe("a network is refused with", () => {
  refuses(parseNetwork, [
    ["a name that is a path", network("").replace(">n<", ">a/b<"), "has a slash at /network/name (line 2"],
    ["nothing to forward", network("<forward/>"), "needs an <ip>"],
    ["an interface in the way", network(`<forward mode='open' dev='e'/>${IP}</ip>`), "takes no interface"],
    ["a bridge of devices", network("<forward mode='vepa'/><bridge name='b'/>"), "leave out <bridge>"],
    ["a bridge and devices", network("<forward mode='bridge' dev='e'/><bridge name='b'/>"), "not both"],
    ["NAT where there is none", network(`<forward mode='route'><nat/></forward>${IP}</ip>`), `mode="nat"`],
    [
      "an interface twice",
      network("<forward mode='bridge'><interface dev='e'/><interface dev='e'/></forward>"),
      "interface[2]",
    ],
    ["a multicast address", network("<mac address='01:00:00:00:00:01'/>"), "multicast"],
    ["an IPv6 address of no family", network("<ip address='fe80::1' prefix='64'/>"), `say family="ipv6"`],
    ["a netmask and a prefix", network(IP.replace(">", " prefix='24'/>")), "exclude each other"],
    ["a mask with holes", network("<ip address='10.0.0.1' netmask='255.0.255.0'/>"), "is no mask"],
    ["a range elsewhere", dhcp("<range start='10.0.0.1' end='10.0.0.2'/>"), "is not in 192.168.122.1/24"],
    ["a range backwards", dhcp("<range start='192.168.122.9' end='192.168.122.2'/>"), "comes after"],
    [
      "a range over the broadcast address",
      dhcp("<range start='192.168.122.9' end='192.168.122.255'/>"),
      "broadcast",
    ],
    ["a host that nobody is", dhcp("<host ip='192.168.122.9'/>"), "needs a mac or a name"],
    [
      "too short a lease",
      dhcp("<host name='h' ip='192.168.122.9'><lease expiry='1'/></host>"),
      "two minutes",
    ],
    ["records of a DNS that is off", network("<dns enable='no'><txt name='a' value='b'/></dns>"), "no room"],
    [
      "a port without a target",
      network("<dns><srv service='a' protocol='tcp' port='1'/></dns>"),
      "need a target",
    ],
    [
      "a route to a host",
      network(`${IP}</ip><route address='10.0.0.1' prefix='8' gateway='192.168.122.2'/>`),
      "not the address of a network",
    ],
    [
      "a gateway out of reach",
      network(`${IP}</ip><route address='10.0.0.0' prefix='8' gateway='10.1.0.1'/>`),
      "is in none of the networks",
    ],
    ["a VLAN without a tag", network("<vlan/>"), "needs a <tag"],
    [
      "two native tags",
      network("<vlan><tag id='1' nativeMode='tagged'/><tag id='2' nativeMode='tagged'/></vlan>"),
      "only one tag",
    ],
    ["a virtual port of no type", network("<virtualport/>"), "needs a type"],
  ]);
});

describe("a complete network", () => {
  it("has a UUID, and the bridge that libvirt makes where it makes one", () => {
    const made = completeNetwork(parseNetwork(network("")));
    expect(made.uuid).toMatch(/^[0-9a-f-]{36}$/);
    expect(made.bridge).toEqual({ stp: true, delay: 0 });
    expect(completeNetwork(parseNetwork(network("<forward mode='bridge'/>"))).bridge).toBeUndefined();
  });

  it("names the interface that traffic leaves through in both places", () => {
    const { forward } = completeNetwork(parseNetwork(network("<forward mode='bridge' dev='eth0'/>")));
    expect(forward).toMatchObject({ dev: "eth0", interfaces: [{ dev: "eth0" }] });
  });

  it("counts leases in minutes, and those for ever in nothing", () => {
    const leases = ["<lease expiry='5'/>", "<lease expiry='0' unit='hours'/>"].map(
      (lease, i) => `<host name='h${i}' ip='192.168.122.${i + 2}'>${lease}</host>`,
    );
    const [ip] = completeNetwork(parseNetwork(dhcp(leases.join("")))).ips;
    expect(ip?.dhcp?.hosts.map((host) => host.lease)).toEqual([
      { expiry: 5, unit: "minutes" },
      { expiry: 0 },
    ]);
  });

  it("is written without what only holds while it runs, when that is asked for", () => {
    const xml = network("<forward mode='bridge'><interface dev='e' connections='2'/></forward>");
    const running = parseNetwork(xml.replace("<network>", "<network connections='2'>"));
    expect(formatNetwork(running)).toContain("connections='2'");
    expect(formatNetwork(running, { inactive: true })).not.toContain("connections");
  });
});

describe("one element of a network", () => {
  const before = parseNetwork(dhcp("<host mac='52:54:00:00:00:01' name='a' ip='192.168.122.2'/>"));
  const host = (command: NetworkUpdate["command"], xml: string) =>
    updateNetwork(before, { command, section: "ip-dhcp-host", xml }).ips[0]?.dhcp?.hosts.map((h) => h.name);

  it("is added in front or behind, replaced, and removed", () => {
    const other = "<host mac='52:54:00:00:00:02' name='b' ip='192.168.122.3'/>";
    expect(host("add-first", other)).toEqual(["b", "a"]);
    expect(host("add-last", other)).toEqual(["a", "b"]);
    expect(host("modify", "<host mac='52:54:00:00:00:01' name='c' ip='192.168.122.2'/>")).toEqual(["c"]);
    expect(host("delete", "<host name='a'/>")).toBeUndefined();
  });

  it.each([
    ["is there already", "add-last", "<host name='a' ip='192.168.122.9'/>", "ALREADY_EXISTS"],
    ["is not there", "delete", "<host name='z'/>", "NOT_FOUND"],
    ["is not there to be replaced", "modify", "<host name='z' ip='192.168.122.9'/>", "NOT_FOUND"],
    ["lacks something", "add-last", "<host name='z'/>", "XML_INVALID"],
    ["is another element", "add-last", "<range/>", "XML_INVALID"],
  ] as const)("is refused when it %s", (_, command, xml, reason) => {
    expect(refusal(() => host(command, xml)).reason).toBe(reason);
  });

  it("cannot be modified where two of them would be the same", () => {
    const update = { command: "modify", section: "dns-txt", xml: "<txt name='a' value='b'/>" } as const;
    expect(refusal(() => updateNetwork(before, update)).reason).toBe("UNSUPPORTED");
  });

  it("is not removed while guests use it", () => {
    const used = parseNetwork(
      network("<forward mode='bridge'><interface dev='e' connections='1'/></forward>"),
    );
    const update = { command: "delete", section: "forward-interface", xml: "<interface dev='e'/>" } as const;
    expect(refusal(() => updateNetwork(used, update)).reason).toBe("WRONG_STATE");
  });
});

describe("addresses", () => {
  it.each([
    ["10.0.0.1", 8],
    ["172.16.0.1", 16],
    ["192.168.0.1", 24],
    ["fe80::1", 64],
  ])("%s without a mask is in a network of %i bits", (address, bits) => {
    expect(prefixOf({ address })).toBe(bits);
  });

  it("are compared as numbers", () => {
    expect(addressBits("0.0.1.2")).toBe(258n);
    expect(addressBits("::1:2")).toBe(65538n);
    expect(isInside("192.168.122.77", "192.168.122.1", 24)).toBe(true);
    expect(isInside("192.168.123.77", "192.168.122.1", 24)).toBe(false);
    expect(isInside("fe80::1", "192.168.122.1", 0)).toBe(false);
  });
});
