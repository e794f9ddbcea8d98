import { int, mac, nonEmpty, oneOf, onOff, signed, text, uuid, yesNo } from "../../schema/kinds.ts";
import {
  attribute,
  attributeChild,
  child,
  defaulted,
  maybe,
  optional,
  repeated,
  textChild,
} from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { choice, element } from "../../schema/schema.ts";
import { backendDomain, bootOrder, romDeviceInfo, virtioDriver } from "./common.ts";
import { hostAddressSchema, hostDriverSchema, hostUsb } from "./hostdev.ts";
import { bandwidthSchema, ipConfiguration, virtualportSchema, vlanSchema } from "./network-parts.ts";
import { reconnectSchema } from "./storage-source.ts";
import { teamingSchema } from "./teaming.ts";

const head = {
  trustGuestRxFilters: maybe("trustGuestRxFilters", yesNo),
  mac: optional(
    child(
      "mac",
      element({
        address: attribute("address", mac),
        type: maybe("type", oneOf("generated", "static")),
        check: maybe("check", yesNo),
        currentAddress: maybe("currentAddress", mac),
      }),
    ),
  ),
} as const;

/** What the network gave a running guest may stand in the place of what was asked for. */
const connection = {
  vlan: optional(child("vlan", vlanSchema)),
  virtualport: optional(child("virtualport", virtualportSchema)),
  bandwidth: optional(child("bandwidth", bandwidthSchema)),
  /** Guests of the same network do not see each other through isolated ports. */
  port: optional(attributeChild("port", "isolated", yesNo)),
} as const;

/** `vfio` and the like for cards that are devices of the host. */
const driverSchema = element({
  name: maybe("name", oneOf("qemu", "vhost", "kvm", "vfio", "xen")),
  model: maybe("model", nonEmpty),
  iommufd: maybe("iommufd", yesNo),
  txmode: maybe("txmode", oneOf("iothread", "timer")),
  ioeventfd: maybe("ioeventfd", onOff),
  eventIdx: maybe("event_idx", onOff),
  queues: maybe("queues", int(1)),
  rxQueueSize: maybe("rx_queue_size", int(1)),
  txQueueSize: maybe("tx_queue_size", int(1)),
  rss: maybe("rss", onOff),
  rssHashReport: maybe("rss_hash_report", onOff),
  ...virtioDriver,
  host: optional(
    child(
      "host",
      element({
        csum: maybe("csum", onOff),
        gso: maybe("gso", onOff),
        tso4: maybe("tso4", onOff),
        tso6: maybe("tso6", onOff),
        ecn: maybe("ecn", onOff),
        ufo: maybe("ufo", onOff),
        mrgRxbuf: maybe("mrg_rxbuf", onOff),
      }),
    ),
  ),
  guest: optional(
    child(
      "guest",
      element({
        csum: maybe("csum", onOff),
        tso4: maybe("tso4", onOff),
        tso6: maybe("tso6", onOff),
        ecn: maybe("ecn", onOff),
        ufo: maybe("ufo", onOff),
      }),
    ),
  ),
});

const portForwardSchema = element({
  proto: attribute("proto", oneOf("tcp", "udp")),
  address: maybe("address", nonEmpty),
  dev: maybe("dev", nonEmpty),
  ranges: repeated(
    "range",
    element({
      start: maybe("start", int(0, 65535)),
      end: maybe("end", int(0, 65535)),
      to: maybe("to", int(0, 65535)),
      exclude: maybe("exclude", yesNo),
    }),
  ),
});

const filterSchema = element({
  filter: attribute("filter", nonEmpty),
  parameters: repeated(
    "parameter",
    element({ name: attribute("name", nonEmpty), value: attribute("value", text) }),
  ),
});

const coalesceSchema = element({
  rx: optional(
    child("rx", element({ frames: optional(child("frames", element({ max: maybe("max", int()) }))) })),
  ),
});

/** Everything after the source. */
const card = {
  ...ipConfiguration,
  portForwards: repeated("portForward", portForwardSchema),
  script: optional(attributeChild("script", "path", text)),
  downscript: optional(attributeChild("downscript", "path", text)),
  ...backendDomain,
  /** The interface on the host; names such as vnet0 are made up at each start. */
  target: optional(
    child("target", element({ dev: maybe("dev", nonEmpty), managed: maybe("managed", yesNo) })),
  ),
  guest: optional(
    child("guest", element({ dev: maybe("dev", nonEmpty), actual: maybe("actual", nonEmpty) })),
  ),
  model: optional(attributeChild("model", "type", nonEmpty)),
  driver: optional(child("driver", driverSchema)),
  backend: optional(
    child(
      "backend",
      element({
        type: maybe("type", oneOf("default", "passt")),
        tap: maybe("tap", nonEmpty),
        vhost: maybe("vhost", nonEmpty),
        logFile: maybe("logFile", nonEmpty),
        hostname: maybe("hostname", nonEmpty),
        fqdn: maybe("fqdn", nonEmpty),
      }),
    ),
  ),
  filterref: optional(child("filterref", filterSchema)),
  tune: optional(child("tune", element({ sndbuf: optional(textChild("sndbuf", int())) }))),
  teaming: optional(child("teaming", teamingSchema)),
  link: optional(attributeChild("link", "state", oneOf("up", "down"))),
  mtu: optional(attributeChild("mtu", "size", int(1))),
  coalesce: optional(child("coalesce", coalesceSchema)),
  ...bootOrder,
  ...romDeviceInfo,
} as const;

const socketSource = {
  source: child(
    "source",
    element({ address: maybe("address", nonEmpty), port: attribute("port", int(0, 65535)) }),
  ),
} as const;

const networkNames = {
  network: maybe("network", nonEmpty),
  portgroup: maybe("portgroup", nonEmpty),
  portid: maybe("portid", nonEmpty),
} as const;

const networkSource = element({
  network: attribute("network", nonEmpty),
  portgroup: maybe("portgroup", nonEmpty),
  portid: maybe("portid", nonEmpty),
  bridge: maybe("bridge", nonEmpty),
  macTableManager: maybe("macTableManager", oneOf("kernel", "libvirt")),
});

const bridgeSource = element({
  ...networkNames,
  bridge: maybe("bridge", nonEmpty),
  macTableManager: maybe("macTableManager", oneOf("kernel", "libvirt")),
});

const directSource = element({
  ...networkNames,
  dev: maybe("dev", nonEmpty),
  mode: maybe("mode", oneOf("vepa", "private", "bridge", "passthrough")),
});

const hostdevSource = element({
  ...networkNames,
  startupPolicy: maybe("startupPolicy", oneOf("mandatory", "requisite", "optional")),
  guestReset: maybe("guestReset", oneOf("off", "uninitialized", "on")),
  missing: maybe("missing", yesNo),
  writeFiltering: maybe("writeFiltering", yesNo),
  ...hostUsb,
  address: optional(child("address", hostAddressSchema)),
});

const managed = { managed: defaulted(attribute("managed", yesNo), false) } as const;

/** What a running guest got from its network; only in the state that libvirt keeps. */
const actualSchema = choice(
  "type",
  {
    network: { source: optional(child("source", bridgeSource)), ...actualRest() },
    bridge: { source: optional(child("source", bridgeSource)), ...actualRest() },
    direct: { source: optional(child("source", directSource)), ...actualRest() },
    hostdev: {
      ...managed,
      source: optional(child("source", hostdevSource)),
      driver: optional(child("driver", hostDriverSchema)),
      ...actualRest(),
    },
    user: { source: optional(child("source", element({ dev: maybe("dev", nonEmpty) }))), ...actualRest() },
    ethernet: { ...actualRest() },
  },
  { fallback: "network" },
);

function actualRest() {
  return {
    trustGuestRxFilters: maybe("trustGuestRxFilters", yesNo),
    class: optional(attributeChild("class", "id", int())),
    ...connection,
  } as const;
}

/** A device of the host says first by what it is handed on. */
const { driver: hostDriver, ...hostCard } = card;

/** Network cards. `user` is QEMU's own NAT, `ethernet` a tap device that somebody else connects. */
export const interfaceSchema = choice("type", {
  user: {
    ...head,
    source: optional(child("source", element({ dev: maybe("dev", nonEmpty), ...ipConfiguration }))),
    ...connection,
    ...card,
  },
  bridge: { ...head, source: optional(child("source", bridgeSource)), ...connection, ...card },
  network: {
    ...head,
    source: child("source", networkSource),
    ...connection,
    actual: optional(child("actual", actualSchema)),
    ...card,
  },
  direct: { ...head, source: child("source", directSource), ...connection, ...card },
  ethernet: {
    ...head,
    /** The host's end of the tap device. */
    source: optional(child("source", element({ dev: maybe("dev", nonEmpty), ...ipConfiguration }))),
    ...connection,
    ...card,
  },
  hostdev: {
    ...managed,
    ...head,
    driver: hostDriver,
    source: child("source", hostdevSource),
    ...connection,
    ...hostCard,
  },
  vhostuser: {
    ...head,
    source: child(
      "source",
      element({
        type: attribute("type", oneOf("unix")),
        path: maybe("path", nonEmpty),
        dev: maybe("dev", nonEmpty),
        mode: maybe("mode", oneOf("server", "client")),
        reconnect: optional(child("reconnect", reconnectSchema)),
      }),
    ),
    ...connection,
    ...card,
  },
  vdpa: {
    ...head,
    source: child("source", element({ dev: attribute("dev", nonEmpty) })),
    ...connection,
    ...card,
  },
  mcast: { ...head, ...socketSource, ...connection, ...card },
  server: { ...head, ...socketSource, ...connection, ...card },
  client: { ...head, ...socketSource, ...connection, ...card },
  udp: {
    ...head,
    source: child(
      "source",
      element({
        address: maybe("address", nonEmpty),
        port: attribute("port", int(0, 65535)),
        local: child(
          "local",
          element({ address: maybe("address", nonEmpty), port: attribute("port", int(0, 65535)) }),
        ),
      }),
    ),
    ...connection,
    ...card,
  },
  internal: {
    ...head,
    source: child("source", element({ name: attribute("name", nonEmpty) })),
    ...connection,
    ...card,
  },
  null: { ...head, ...connection, ...card },
  /** A distributed switch of VMware. */
  vds: {
    ...head,
    source: child(
      "source",
      element({
        switchid: attribute("switchid", uuid),
        portid: maybe("portid", signed),
        portgroupid: maybe("portgroupid", nonEmpty),
        connectionid: maybe("connectionid", signed),
      }),
    ),
    ...connection,
    ...card,
  },
});

export type Interface = ModelOf<typeof interfaceSchema>;
export type InterfaceType = Interface["type"];
