import { int, nonEmpty, oneOf, onOff, yesNo } from "../../schema/kinds.ts";
import { attribute, attributeChild, child, maybe, optional, repeated } from "../../schema/parts.ts";
import type { Fields, ModelOf } from "../../schema/schema.ts";
import { choice, element } from "../../schema/schema.ts";
import { deviceInfo, sourceLabelSchema } from "./common.ts";
import { reconnectSchema } from "./storage-source.ts";

const reconnect = { reconnect: optional(child("reconnect", reconnectSchema)) } as const;
const seclabels = { seclabels: repeated("seclabel", sourceLabelSchema) } as const;
const mode = maybe("mode", oneOf("bind", "connect"));

const pathSource = {
  source: optional(child("source", element({ path: maybe("path", nonEmpty), ...seclabels }))),
} as const;

const channelSource = {
  source: optional(child("source", element({ channel: maybe("channel", nonEmpty) }))),
} as const;

/** How the bytes of a TCP connection are wrapped; libvirt lets the others have it as well, without effect. */
const protocol = optional(attributeChild("protocol", "type", oneOf("raw", "telnet", "telnets", "tls")));

const log = optional(
  child("log", element({ file: attribute("file", nonEmpty), append: maybe("append", onOff) })),
);

/** Where bytes go on the host, by `type`, in front of what the device has besides. */
export function chardevEnds<const R extends Fields>(rest: R) {
  const tail = { protocol, log, ...rest } as const;
  return {
    null: { ...tail },
    vc: { ...tail },
    stdio: { ...tail },
    spicevmc: { ...tail },
    /** The path of a pty is known while the guest runs. */
    pty: { tty: maybe("tty", nonEmpty), ...pathSource, ...tail },
    dev: { ...pathSource, ...tail },
    pipe: { ...pathSource, ...tail },
    file: {
      source: child(
        "source",
        element({ path: attribute("path", nonEmpty), append: maybe("append", onOff), ...seclabels }),
      ),
      ...tail,
    },
    unix: {
      source: optional(
        child("source", element({ mode, path: maybe("path", nonEmpty), ...seclabels, ...reconnect })),
      ),
      ...tail,
    },
    tcp: {
      source: child(
        "source",
        element({
          mode,
          host: maybe("host", nonEmpty),
          service: attribute("service", nonEmpty),
          tls: maybe("tls", yesNo),
          tlsFromConfig: maybe("tlsFromConfig", nonEmpty),
          ...reconnect,
        }),
      ),
      ...tail,
    },
    /** One source is bound to, another is sent to. */
    udp: {
      sources: repeated(
        "source",
        element({ mode, host: maybe("host", nonEmpty), service: maybe("service", nonEmpty) }),
      ),
      ...tail,
    },
    /** A pair of null modem devices of FreeBSD. */
    nmdm: {
      source: optional(
        child(
          "source",
          element({ master: attribute("master", nonEmpty), slave: attribute("slave", nonEmpty) }),
        ),
      ),
      ...tail,
    },
    spiceport: { ...channelSource, ...tail },
    dbus: { ...channelSource, ...tail },
    /** Clipboard and pointer of a SPICE guest, without SPICE. */
    "qemu-vdagent": {
      source: optional(
        child(
          "source",
          element({
            clipboard: optional(attributeChild("clipboard", "copypaste", yesNo)),
            mouse: optional(attributeChild("mouse", "mode", oneOf("server", "client"))),
          }),
        ),
      ),
      ...tail,
    },
  } as const;
}

/** The host's end alone, for devices that are something else besides. */
export const chardevSourceSchema = choice("type", chardevEnds({}));

const serialTarget = {
  target: optional(
    child(
      "target",
      element({
        type: maybe("type", nonEmpty),
        port: maybe("port", int()),
        model: optional(attributeChild("model", "name", nonEmpty)),
      }),
    ),
  ),
  ...deviceInfo,
} as const;

/** `<serial>`, `<parallel>` and `<console>` are written alike. */
export const serialSchema = choice("type", chardevEnds(serialTarget), { fallback: "pty" });

/** A named line between host and guest: `org.qemu.guest_agent.0`. */
export const channelSchema = choice(
  "type",
  chardevEnds({
    target: child(
      "target",
      element({
        type: attribute("type", oneOf("virtio", "guestfwd", "xen")),
        name: maybe("name", nonEmpty),
        state: maybe("state", oneOf("connected", "disconnected")),
        address: maybe("address", nonEmpty),
        port: maybe("port", int(0, 65535)),
      }),
    ),
    ...deviceInfo,
  }),
);

export type Serial = ModelOf<typeof serialSchema>;
export type Channel = ModelOf<typeof channelSchema>;
export type ChardevSource = ModelOf<typeof chardevSourceSchema>;
/** Any of them. */
export type Chardev = Serial | Channel;
