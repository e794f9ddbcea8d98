import { ipAddress, ipv4Address } from "../network/ip.ts";
import { int, mac, nonEmpty, oneOf, onOff, pattern, yesNo } from "../schema/kinds.ts";
import { attribute, attributeChild, child, marker, maybe, optional, repeated } from "../schema/parts.ts";
import type { ModelOf } from "../schema/schema.ts";
import { choice, element } from "../schema/schema.ts";

const name = attribute("name", nonEmpty);

/** What the kernel says about the cable; reported, never set. */
const link = optional(
  child(
    "link",
    element({
      speed: maybe("speed", int()),
      state: maybe(
        "state",
        oneOf("unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"),
      ),
    }),
  ),
);

/** How it is started and reached. Interfaces inside of others have none of it. */
const addressing = {
  start: optional(attributeChild("start", "mode", oneOf("none", "onboot", "hotplug"))),
  mtu: optional(attributeChild("mtu", "size", int(0, 0xffffffff))),
  protocols: repeated(
    "protocol",
    element({
      family: attribute("family", oneOf("ipv4", "ipv6")),
      autoconf: marker("autoconf"),
      dhcp: optional(child("dhcp", element({ peerDns: maybe("peerdns", yesNo) }))),
      ips: repeated(
        "ip",
        element({ address: attribute("address", ipAddress), prefix: maybe("prefix", int(0, 128)) }),
      ),
      gateway: optional(attributeChild("route", "gateway", ipAddress)),
    }),
  ),
} as const;

const ethernet = { link, mac: optional(attributeChild("mac", "address", mac)) } as const;

const vlan = {
  link,
  vlan: child(
    "vlan",
    element({
      tag: attribute("tag", int(0, 4095)),
      /** The interface whose traffic is tagged. */
      interface: optional(attributeChild("interface", "name", nonEmpty)),
    }),
  ),
} as const;

const bond = {
  link,
  bond: child(
    "bond",
    element({
      mode: maybe(
        "mode",
        oneOf(
          "balance-rr",
          "active-backup",
          "balance-xor",
          "broadcast",
          "802.3ad",
          "balance-tlb",
          "balance-alb",
        ),
      ),
      miiMonitor: optional(
        child(
          "miimon",
          element({
            frequency: attribute("freq", int(0, 0xffffffff)),
            downDelay: maybe("downdelay", int(0, 0xffffffff)),
            upDelay: maybe("updelay", int(0, 0xffffffff)),
            carrier: maybe("carrier", oneOf("ioctl", "netif")),
          }),
        ),
      ),
      arpMonitor: optional(
        child(
          "arpmon",
          element({
            interval: attribute("interval", int(0, 0xffffffff)),
            target: attribute("target", ipv4Address),
            validate: maybe("validate", oneOf("none", "active", "backup", "all")),
          }),
        ),
      ),
      interfaces: repeated("interface", choice("type", { ethernet: { name, ...ethernet } })),
    }),
  ),
} as const;

/** Seconds, with a fraction. */
const delay = pattern("seconds such as 0.1", /^\d+(\.\d*)?$/);

const bridge = {
  bridge: child(
    "bridge",
    element({
      stp: maybe("stp", onOff),
      delay: maybe("delay", delay),
      interfaces: repeated(
        "interface",
        choice("type", {
          ethernet: { name, ...ethernet },
          vlan: { name: maybe("name", nonEmpty), ...vlan },
          bond: { name, ...bond },
        }),
      ),
    }),
  ),
} as const;

/** The `<interface>` document: a network interface of the host. */
export const interfaceSchema = choice("type", {
  ethernet: { name, ...addressing, ...ethernet },
  bridge: { name, ...addressing, ...bridge },
  bond: { name, ...addressing, ...bond },
  vlan: { name: maybe("name", nonEmpty), ...addressing, ...vlan },
});

/** An `<interface>` document as a value. */
export type InterfaceDefinition = ModelOf<typeof interfaceSchema>;
