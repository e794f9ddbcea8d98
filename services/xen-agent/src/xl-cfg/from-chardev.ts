import type { Serial } from "@virtmesh/documents/domain/devices/chardev";
import { type Dialect, invalid } from "./setting.ts";
import type { Item, Settings } from "./settings.ts";

/** Serial and parallel ports. @throws CONFIG_INVALID */
export function portsOf(
  settings: Settings,
  dialect: Dialect,
): { readonly serials: readonly Serial[]; readonly parallels: readonly Serial[] } {
  const serials = settings.list("serial");
  if (dialect === "xm" && serials.length > 1)
    throw invalid(settings.line("serial"), "a guest of xm has one serial port");
  const parallels = portsIn(settings.list("parallel"));
  if (dialect === "xl" && parallels.length > 0)
    throw invalid(settings.line("parallel"), "a guest of xl has no parallel port");
  return { serials: portsIn(serials), parallels };
}

function portsIn(items: readonly Item[]): readonly Serial[] {
  return items.flatMap((item, port) => (item.text === "none" ? [] : [{ ...endOf(item), target: { port } }]));
}

/** The host's end, in the words of QEMU. */
function endOf({ text, line }: Item): Serial {
  const [, type = text, rest = ""] = /^([a-z]+):(.*)$/.exec(text) ?? [];
  const wrong = () => invalid(line, `"${text}" is no end of a port that libvirt's documents know`);
  switch (type) {
    case "pty":
    case "null":
    case "stdio":
    case "vc":
      return { type };
    case "file":
      return { type, source: { path: rest, seclabels: [] } };
    case "pipe":
      return { type, source: { path: rest, seclabels: [] } };
    case "tcp":
    case "telnet":
      return tcp(rest, type, wrong);
    case "udp":
      return udp(rest, wrong);
    case "unix": {
      const { end, isServer } = served(rest);
      return { type, source: { mode: isServer ? "bind" : "connect", path: end, seclabels: [] } };
    }
    default:
      if (!text.startsWith("/")) throw wrong();
      return { type: "dev", source: { path: text, seclabels: [] } };
  }
}

/** Without `,server,nowait` behind it. */
function served(text: string): { readonly end: string; readonly isServer: boolean } {
  const [end = "", ...options] = text.split(",");
  return { end, isServer: options.includes("server") };
}

function tcp(text: string, protocol: "tcp" | "telnet", wrong: () => Error): Serial {
  const { end, isServer } = served(text);
  const [, host = "", service] = /^(.*):([^:]+)$/.exec(end) ?? [];
  if (service === undefined) throw wrong();
  return {
    type: "tcp",
    source: { mode: isServer ? "bind" : "connect", ...(host === "" ? {} : { host }), service },
    protocol: protocol === "tcp" ? "raw" : "telnet",
  };
}

/** `remote host:port@local host:port`. */
function udp(text: string, wrong: () => Error): Serial {
  const [remote = "", local] = text.split("@");
  const source = (end: string, mode: "bind" | "connect") => {
    const [, host = "", service] = /^(.*):([^:]*)$/.exec(end) ?? [];
    if (service === undefined) throw wrong();
    return { mode, ...(host === "" ? {} : { host }), ...(service === "" ? {} : { service }) };
  };
  return {
    type: "udp",
    sources: [...(local === undefined ? [] : [source(local, "bind")]), source(remote, "connect")],
  };
}
