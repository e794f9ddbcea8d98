import { hex, int, mac, nonEmpty, oneOf, onOff, text, uuid, yesNo } from "../schema/kinds.ts";
import {
  attribute,
  attributeChild,
  child,
  defaulted,
  kept,
  maybe,
  optional,
  repeated,
  textChild,
  textOnly,
} from "../schema/parts.ts";
import type { ModelOf } from "../schema/schema.ts";
import { choice, element } from "../schema/schema.ts";
import { ipAddress, ipv4Address } from "./ip.ts";
import { bandwidthSchema, virtualportSchema, vlanSchema } from "../domain/devices/network-parts.ts";
import { portOptionsSchema } from "./port-settings.ts";

const DNSMASQ = "http://libvirt.org/schemas/network/dnsmasq/1.0";
const dnsmasq = (local: string) => ({ local, uri: DNSMASQ, prefix: "dnsmasq" });

const family = maybe("family", oneOf("ipv4", "ipv6"));
/** How many guests use it; only while the network runs. */
const connections = maybe("connections", int());
const port = int(1, 65535);

/** An interface of the host that guests' traffic leaves through. */
export const forwardInterfaceSchema = element({ dev: attribute("dev", nonEmpty), connections });

const forward = element({
  dev: maybe("dev", nonEmpty),
  mode: defaulted(
    attribute("mode", oneOf("nat", "route", "open", "bridge", "passthrough", "private", "vepa", "hostdev")),
    "nat" as const,
  ),
  managed: maybe("managed", yesNo),
  driver: optional(attributeChild("driver", "name", oneOf("kvm", "vfio", "xen"))),
  nat: optional(
    child(
      "nat",
      element({
        ipv6: maybe("ipv6", yesNo),
        address: optional(
          child(
            "address",
            element({ start: attribute("start", ipv4Address), end: attribute("end", ipv4Address) }),
          ),
        ),
        port: optional(
          child("port", element({ start: attribute("start", port), end: attribute("end", port) })),
        ),
      }),
    ),
  ),
  /** A network card whose virtual functions are given to guests. */
  pf: optional(attributeChild("pf", "dev", nonEmpty)),
  interfaces: repeated("interface", forwardInterfaceSchema),
  addresses: repeated(
    "address",
    choice("type", {
      pci: {
        domain: attribute("domain", hex(0xffffffff, 4)),
        bus: attribute("bus", hex(0xff, 2)),
        slot: attribute("slot", hex(0x1f, 2)),
        function: attribute("function", hex(0x7, 1)),
        connections,
      },
    }),
  ),
});

export const portGroupSchema = element({
  name: attribute("name", nonEmpty),
  default: maybe("default", yesNo),
  trustGuestRxFilters: maybe("trustGuestRxFilters", yesNo),
  vlan: optional(child("vlan", vlanSchema)),
  virtualPort: optional(child("virtualport", virtualportSchema)),
  bandwidth: optional(child("bandwidth", bandwidthSchema)),
});

export const dnsTxtSchema = element({ name: attribute("name", nonEmpty), value: maybe("value", text) });
export const dnsSrvSchema = element({
  service: maybe("service", text),
  protocol: maybe("protocol", nonEmpty),
  domain: maybe("domain", nonEmpty),
  target: maybe("target", text),
  port: maybe("port", port),
  priority: maybe("priority", int(0, 65535)),
  weight: maybe("weight", int(0, 65535)),
});
export const dnsHostSchema = element({
  ip: maybe("ip", ipAddress),
  hostnames: repeated("hostname", textOnly(nonEmpty)),
});

const dns = element({
  enable: maybe("enable", yesNo),
  forwardPlainNames: maybe("forwardPlainNames", yesNo),
  forwarders: repeated(
    "forwarder",
    element({ domain: maybe("domain", nonEmpty), address: maybe("addr", ipAddress) }),
  ),
  txts: repeated("txt", dnsTxtSchema),
  srvs: repeated("srv", dnsSrvSchema),
  hosts: repeated("host", dnsHostSchema),
});

const lease = optional(
  child(
    "lease",
    element({
      expiry: attribute("expiry", int()),
      unit: maybe("unit", oneOf("seconds", "minutes", "hours")),
    }),
  ),
);
export const dhcpRangeSchema = element({
  start: attribute("start", ipAddress),
  end: attribute("end", ipAddress),
  lease,
});
export const dhcpHostSchema = element({
  mac: maybe("mac", mac),
  id: maybe("id", nonEmpty),
  name: maybe("name", nonEmpty),
  ip: maybe("ip", ipAddress),
  lease,
});

const ip = element({
  family,
  address: attribute("address", ipAddress),
  netmask: maybe("netmask", ipv4Address),
  prefix: maybe("prefix", int(0, 128)),
  localPtr: maybe("localPtr", yesNo),
  tftp: optional(attributeChild("tftp", "root", text)),
  dhcp: optional(
    child(
      "dhcp",
      element({
        ranges: repeated("range", dhcpRangeSchema),
        hosts: repeated("host", dhcpHostSchema),
        bootp: optional(
          child("bootp", element({ file: attribute("file", nonEmpty), server: maybe("server", ipAddress) })),
        ),
      }),
    ),
  ),
});

/** A way to another network, over an address of this one. */
export const routeSchema = element({
  family,
  address: attribute("address", ipAddress),
  netmask: maybe("netmask", ipv4Address),
  prefix: maybe("prefix", int(0, 128)),
  gateway: attribute("gateway", ipAddress),
  metric: maybe("metric", int(1, 0xffffffff)),
});

/** The `<network>` document, in the order libvirt writes it. */
export const networkSchema = element({
  connections,
  ipv6: maybe("ipv6", yesNo),
  trustGuestRxFilters: maybe("trustGuestRxFilters", yesNo),
  name: textChild("name", nonEmpty),
  uuid: optional(textChild("uuid", uuid)),
  metadata: kept("metadata"),
  forward: optional(child("forward", forward)),
  bridge: optional(
    child(
      "bridge",
      element({
        name: maybe("name", nonEmpty),
        zone: maybe("zone", nonEmpty),
        stp: maybe("stp", onOff),
        delay: maybe("delay", int()),
        macTableManager: maybe("macTableManager", oneOf("kernel", "libvirt")),
      }),
    ),
  ),
  mtu: optional(attributeChild("mtu", "size", int(0, 65535))),
  mac: optional(attributeChild("mac", "address", mac)),
  domain: optional(
    child("domain", element({ name: attribute("name", nonEmpty), localOnly: maybe("localOnly", yesNo) })),
  ),
  dns: optional(child("dns", dns)),
  vlan: optional(child("vlan", vlanSchema)),
  bandwidth: optional(child("bandwidth", bandwidthSchema)),
  port: optional(child("port", portOptionsSchema)),
  ips: repeated("ip", ip),
  routes: repeated("route", routeSchema),
  virtualPort: optional(child("virtualport", virtualportSchema)),
  portGroups: repeated("portgroup", portGroupSchema),
  dnsmasqOptions: optional(
    child(
      dnsmasq("options"),
      element({ options: repeated(dnsmasq("option"), element({ value: attribute("value", text) })) }),
    ),
  ),
});

/** A `<network>` document as a value. */
export interface NetworkDefinition extends ModelOf<typeof networkSchema> {}

export type Forward = ModelOf<typeof forward>;
export type ForwardMode = Forward["mode"];
export type NetworkIp = ModelOf<typeof ip>;
export type Dns = ModelOf<typeof dns>;
export type DhcpHost = ModelOf<typeof dhcpHostSchema>;
export type DhcpRange = ModelOf<typeof dhcpRangeSchema>;
export type DnsHost = ModelOf<typeof dnsHostSchema>;
export type DnsSrv = ModelOf<typeof dnsSrvSchema>;
export type Route = ModelOf<typeof routeSchema>;
