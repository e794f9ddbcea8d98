import { int, mac, nonEmpty, oneOf, onOff, text, yesNo } from "../../schema/kinds.ts";
import { attribute, attributeChild, child, kept, keptAll, maybe, optional } from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { choice, element } from "../../schema/schema.ts";
import { bootOrder, deviceInfo, virtioDriver } from "./common.ts";

const head = {
  trustGuestRxFilters: maybe("trustGuestRxFilters", yesNo),
  mac: optional(
    child(
      "mac",
      element({
        address: attribute("address", mac),
        type: maybe("type", oneOf("generated", "static")),
        check: maybe("check", yesNo),
      }),
    ),
  ),
} as const;

const tail = {
  vlan: kept("vlan"),
  virtualport: kept("virtualport"),
  bandwidth: kept("bandwidth"),
  port: optional(attributeChild("port", "isolated", yesNo)),
  ips: keptAll("ip"),
  routes: keptAll("route"),
  script: optional(attributeChild("script", "path", text)),
  downscript: optional(attributeChild("downscript", "path", text)),
  /** The interface on the host; names such as vnet0 are made up at each start. */
  target: optional(
    child("target", element({ dev: maybe("dev", nonEmpty), managed: maybe("managed", yesNo) })),
  ),
  guest: optional(
    child("guest", element({ dev: maybe("dev", nonEmpty), actual: maybe("actual", nonEmpty) })),
  ),
  model: optional(attributeChild("model", "type", nonEmpty)),
  driver: optional(
    child(
      "driver",
      element({
        name: maybe("name", oneOf("qemu", "vhost")),
        txmode: maybe("txmode", oneOf("iothread", "timer")),
        ioeventfd: maybe("ioeventfd", onOff),
        eventIdx: maybe("event_idx", onOff),
        queues: maybe("queues", int(1)),
        rxQueueSize: maybe("rx_queue_size", int(1)),
        txQueueSize: maybe("tx_queue_size", int(1)),
        rss: maybe("rss", onOff),
        rssHashReport: maybe("rss_hash_report", onOff),
        ...virtioDriver,
        host: kept("host"),
        guest: kept("guest"),
      }),
    ),
  ),
  backend: kept("backend"),
  filterref: kept("filterref"),
  tune: kept("tune"),
  link: optional(attributeChild("link", "state", oneOf("up", "down"))),
  mtu: optional(attributeChild("mtu", "size", int(1))),
  coalesce: kept("coalesce"),
  ...bootOrder,
  ...deviceInfo,
} as const;

/** Network cards. `user` is QEMU's own NAT, `ethernet` a tap device that somebody else connects. */
export const interfaceSchema = choice("type", {
  user: { ...head, source: optional(child("source", element({ dev: maybe("dev", nonEmpty) }))), ...tail },
  bridge: {
    ...head,
    source: optional(child("source", element({ bridge: attribute("bridge", nonEmpty) }))),
    ...tail,
  },
  network: {
    ...head,
    source: child(
      "source",
      element({
        network: attribute("network", nonEmpty),
        portgroup: maybe("portgroup", nonEmpty),
        portid: maybe("portid", nonEmpty),
        bridge: maybe("bridge", nonEmpty),
      }),
    ),
    ...tail,
  },
  direct: {
    ...head,
    source: child("source", element({ dev: attribute("dev", nonEmpty), mode: maybe("mode", nonEmpty) })),
    ...tail,
  },
  ethernet: { ...head, source: kept("source"), ...tail },
});

export type Interface = ModelOf<typeof interfaceSchema>;
