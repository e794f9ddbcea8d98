import { int, nonEmpty, oneOf, onOff, text, yesNo } from "../../schema/kinds.ts";
import { attribute, attributeChild, child, keptAll, maybe, optional } from "../../schema/parts.ts";
import type { Fields, ModelOf } from "../../schema/schema.ts";
import { choice, element } from "../../schema/schema.ts";
import { deviceInfo } from "./common.ts";

const logFile = {
  log: optional(child("log", element({ file: attribute("file", nonEmpty), append: maybe("append", onOff) }))),
} as const;

const reconnect = {
  reconnect: optional(
    child("reconnect", element({ enabled: attribute("enabled", yesNo), timeout: maybe("timeout", int()) })),
  ),
} as const;

const pathSource = {
  source: optional(
    child("source", element({ path: maybe("path", nonEmpty), seclabels: keptAll("seclabel") })),
  ),
} as const;

/** Every device of this kind: where its bytes go on the host (by `type`), and what it is in the guest. */
function chardev<T extends Fields>(target: T) {
  const rest = { ...logFile, ...target, ...deviceInfo };
  return choice("type", {
    null: { ...rest },
    vc: { ...rest },
    stdio: { ...rest },
    spicevmc: { ...rest },
    /** The path of a pty is known while the guest runs. */
    pty: { tty: maybe("tty", nonEmpty), ...pathSource, ...rest },
    dev: { ...pathSource, ...rest },
    pipe: { ...pathSource, ...rest },
    file: {
      source: child(
        "source",
        element({
          path: attribute("path", nonEmpty),
          append: maybe("append", onOff),
          seclabels: keptAll("seclabel"),
        }),
      ),
      ...rest,
    },
    unix: {
      source: optional(
        child(
          "source",
          element({
            mode: maybe("mode", oneOf("bind", "connect")),
            path: maybe("path", nonEmpty),
            ...reconnect,
            seclabels: keptAll("seclabel"),
          }),
        ),
      ),
      ...rest,
    },
    tcp: {
      source: child(
        "source",
        element({
          mode: maybe("mode", oneOf("bind", "connect")),
          host: maybe("host", nonEmpty),
          service: attribute("service", nonEmpty),
          tls: maybe("tls", yesNo),
          tlsFromConfig: maybe("tlsFromConfig", text),
          ...reconnect,
        }),
      ),
      protocol: optional(attributeChild("protocol", "type", oneOf("raw", "telnet", "telnets", "tls"))),
      ...rest,
    },
  });
}

const portTarget = {
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
} as const;

/** `<serial>`, `<parallel>` and `<console>` are written alike. */
export const serialSchema = chardev(portTarget);

/** A named line between host and guest: `org.qemu.guest_agent.0`. */
export const channelSchema = chardev({
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
});

export type Serial = ModelOf<typeof serialSchema>;
export type Channel = ModelOf<typeof channelSchema>;
/** Any of them. */
export type Chardev = Serial | Channel;
