import type { Interface } from "@virtmesh/documents/domain/devices/interface";
import type { Virtualport, Vlan } from "@virtmesh/documents/domain/devices/network-parts";
import type { Dialect } from "./setting.ts";
import { Fields, type Item, type Settings } from "./settings.ts";

/** Network cards. @throws CONFIG_INVALID */
export function cardsOf(settings: Settings, dialect: Dialect): readonly Interface[] {
  return settings.list("vif").map((item) => card(item, dialect));
}

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;

function card(item: Item, dialect: Dialect): Interface {
  const fields = new Fields(item, "a card of vif");
  const mac = fields.take("mac");
  if (mac !== undefined && !MAC.test(mac))
    throw fields.wrong(`"${mac}" is no MAC address such as 00:16:3e:00:00:01`);
  const bridge = fields.take("bridge");
  const script = fields.take("script");
  const ips = (fields.take("ip") ?? "").split(" ").filter((ip) => ip !== "");
  const model = modelOf(fields, dialect);
  const dev = fields.take("vifname");
  const backendDomain = fields.take("backend");
  const mtu = fields.number("mtu");
  const average = rateOf(fields);
  fields.end();
  const rest = {
    ...(mac === undefined ? {} : { mac: { address: mac.toLowerCase() } }),
    ips: ips.map((address) => ({
      address,
      family: address.includes(":") ? ("ipv6" as const) : ("ipv4" as const),
    })),
    ...{ routes: [], portForwards: [] },
    ...(average === undefined ? {} : { bandwidth: { outbound: { average } } }),
    ...(script === undefined ? {} : { script }),
    ...(backendDomain === undefined ? {} : { backendDomain }),
    ...(dev === undefined ? {} : { target: { dev } }),
    ...(model === undefined ? {} : { model }),
    ...(mtu === undefined ? {} : { mtu }),
  };
  if (bridge === undefined && script !== "vif-bridge") return { type: "ethernet", ...rest };
  return { type: "bridge", ...rest, ...connection(bridge, fields) };
}

/** A card that only Xen's own drivers see says so by its type. */
function modelOf(fields: Fields, dialect: Dialect): string | undefined {
  const type = fields.take("type");
  const model = fields.take("model");
  if (type === (dialect === "xl" ? "vif" : "netfront")) return model ?? "netfront";
  if (type === undefined || type === "ioemu") return model;
  throw fields.wrong(`type=${type} of a card has no counterpart in libvirt's documents`);
}

/** `bridge`, or `bridge.42` and `bridge:42:43` for the tags of frames on Open vSwitch. */
function connection(
  bridge: string | undefined,
  fields: Fields,
): {
  readonly source?: { readonly bridge: string };
  readonly vlan?: Vlan;
  readonly virtualport?: Virtualport;
} {
  if (bridge === undefined) return {};
  const [, name, one, many] = /^([^.:]+)(?:\.(\d{1,4})|((?::\d{1,4})+))?$/.exec(bridge) ?? [];
  if (name === undefined)
    throw fields.wrong(`"${bridge}" is neither a bridge nor one with tags, such as br0.42 or br0:42:43`);
  const ids = one === undefined ? (many?.slice(1).split(":") ?? []) : [one];
  if (ids.length === 0) return { source: { bridge: name } };
  return {
    source: { bridge: name },
    vlan: { ...(many === undefined ? {} : { trunk: true }), tags: ids.map((id) => ({ id: Number(id) })) },
    virtualport: { type: "openvswitch" },
  };
}

/**
 * In KiB a second: `10240KB/s`, `100Mb/s`. K is 1024 here, as it is to libvirt, which writes most of such files; to xl it
 * is 1000.
 */
function rateOf(fields: Fields): bigint | undefined {
  const rate = fields.take("rate");
  if (rate === undefined) return undefined;
  const [, digits, unit = "", kind = ""] = /^(\d{1,15})([GMK]?)([Bb])\/s$/.exec(rate) ?? [];
  if (digits === undefined) throw fields.wrong(`"${rate}" is no rate such as 10240KB/s or 100Mb/s`);
  const factor = { G: 1n << 30n, M: 1n << 20n, K: 1n << 10n }[unit] ?? 1n;
  const bytes = (BigInt(digits) * factor) / (kind === "b" ? 8n : 1n);
  if (bytes % 1024n !== 0n) throw fields.wrong(`"${rate}" is no whole number of KiB a second`);
  return bytes / 1024n;
}
