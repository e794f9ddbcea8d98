import { deviceKey } from "./device-keys.ts";
import { DEVICE_LISTS } from "./devices.ts";
import type { Devices } from "./devices.ts";
import { formatDomain, parseDomain } from "./document.ts";
import { canPlug, changesLive, LIVE_SETTINGS } from "./diff/live.ts";
import type { Facts } from "./facts.ts";
import { factsOf } from "./facts.ts";
import type { DomainDefinition } from "./model.ts";
import type { DeviceListName } from "./one-device.ts";

/** One difference between two definitions of a guest. */
export interface DomainChange {
  readonly kind: "added" | "removed" | "changed";
  /** `devices/disk[vda]/source/file`. */
  readonly path: string;
  /** In words; empty for nothing. */
  readonly from: string;
  readonly to: string;
  /** Whether a guest that runs can take it, or only its next start. */
  readonly when: "now" | "next start";
}

export interface DiffOptions {
  /**
   * The second definition was written by hand: what it leaves open and the hypervisor fills in (addresses,
   * controllers, what a machine comes with) is not a difference.
   */
  readonly leavesOpen?: boolean;
}

/** What changes when `b` takes the place of `a`, for people. What only holds while a guest runs does not count. */
export function diffDomains(
  a: DomainDefinition,
  b: DomainDefinition,
  { leavesOpen = false }: DiffOptions = {},
): readonly DomainChange[] {
  const [from, to] = [settled(a), settled(b)];
  return [...settingsDiff(from, to, leavesOpen), ...devicesDiff(from.devices, to.devices, leavesOpen)];
}

function settled(definition: DomainDefinition): DomainDefinition {
  return parseDomain(formatDomain(definition, { inactive: true, secure: true }));
}

function settingsDiff(
  a: DomainDefinition,
  b: DomainDefinition,
  leavesOpen: boolean,
): readonly DomainChange[] {
  const settings = (definition: DomainDefinition) => factsOf({ ...definition, devices: undefined });
  return changes(settings(a), settings(b)).flatMap((change) => {
    const [start = ""] = change.path.split("/");
    if (leavesOpen && isFilledIn(change, start)) return [];
    const live = LIVE_SETTINGS.has(start) || LIVE_SETTINGS.has(change.path);
    return [{ ...change, when: live ? "now" : "next start" } as const];
  });
}

function isFilledIn({ kind, path, from, to }: Change, start: string): boolean {
  // `q35` becomes the newest version of q35.
  if (path === "os/type/machine" && kind === "changed")
    return [`pc-${to}-`, `${to}-`, ...(to === "pc" ? ["pc-i440fx-"] : [])].some((begin) =>
      from.startsWith(begin),
    );
  return kind === "removed" && (FILLED_IN.has(start) || FILLED_IN.has(path));
}

/** What a definition need not say because it is filled in. */
const FILLED_IN: ReadonlySet<string> = new Set([
  ...["uuid", "currentMemory", "cpu", "clock", "features"],
  ...["vcpu/placement", "os/type/arch", "os/type/machine", "os/boot/0/dev"],
  ...["onPoweroff", "onReboot", "onCrash", "pm", "seclabels", "resource"],
]);

const LISTS: readonly (readonly [DeviceListName, string])[] = [
  ...DEVICE_LISTS,
  ["graphics", "graphics"],
  ["audios", "audio"],
  ["leases", "lease"],
];

/** Lists with devices that a guest has without asking for them. */
const IMPLIED: ReadonlySet<DeviceListName> = new Set([
  ...(["controllers", "inputs", "memballoons", "audios", "videos", "consoles", "panics"] as const),
]);

function devicesDiff(a: Devices, b: Devices, leavesOpen: boolean): readonly DomainChange[] {
  const lists = LISTS.flatMap(([list, element]) =>
    pairs(list, a[list], b[list]).flatMap(({ key, from, to }): readonly DomainChange[] => {
      const path = `devices/${element}[${key}]`;
      if (from === undefined || to === undefined) {
        if (leavesOpen && to === undefined && IMPLIED.has(list)) return [];
        const device = (from ?? to) as object;
        const when = canPlug(list, device) ? "now" : "next start";
        return [
          from === undefined
            ? { kind: "added", path, from: "", to: inWords(device), when }
            : { kind: "removed", path, from: inWords(device), to: "", when },
        ];
      }
      return changes(factsOf(from), factsOf(to)).flatMap((change): readonly DomainChange[] => {
        if (change.path.startsWith("alias")) return [];
        if (leavesOpen && change.kind === "removed") return [];
        const when = changesLive(list, from, change.path) ? "now" : "next start";
        return [{ ...change, path: `${path}/${change.path}`, when }];
      });
    }),
  );
  const single = ({ emulator, nvram, pstore, redirfilter }: Devices) =>
    factsOf({ emulator, nvram, pstore, redirfilter });
  const rest = changes(single(a), single(b)).flatMap((change): readonly DomainChange[] =>
    leavesOpen && change.kind === "removed"
      ? []
      : [{ ...change, path: `devices/${change.path}`, when: "next start" }],
  );
  return [...lists, ...rest];
}

interface Pair {
  readonly key: string;
  readonly from: object | undefined;
  readonly to: object | undefined;
}

/** The same devices of two lists: those with a name by it, the others first where they are alike, then in order. */
function pairs(list: DeviceListName, a: readonly object[], b: readonly object[]): readonly Pair[] {
  const keyed = (all: readonly object[]) =>
    all.map((device, i) => ({
      device,
      key: deviceKey(list, device as Devices[typeof list][number], i + 1),
      text: [...factsOf(device)].join(),
      number: String(i + 1),
    }));
  const left = keyed(a);
  const right = keyed(b);
  const found: Pair[] = [];
  const match = (alike: (l: (typeof left)[number], r: (typeof right)[number]) => boolean) => {
    for (const l of [...left]) {
      const r = right.find((candidate) => alike(l, candidate));
      if (r === undefined) continue;
      left.splice(left.indexOf(l), 1);
      right.splice(right.indexOf(r), 1);
      found.push({ key: l.key ?? l.number, from: l.device, to: r.device });
    }
  };
  match((l, r) => l.key !== undefined && l.key === r.key);
  match((l, r) => l.key === undefined && r.key === undefined && l.text === r.text);
  match((l, r) => l.key === undefined && r.key === undefined);
  return [
    ...found,
    ...left.map((l) => ({ key: l.key ?? l.number, from: l.device, to: undefined })),
    ...right.map((r) => ({ key: r.key ?? r.number, from: undefined, to: r.device })),
  ];
}

type Change = Omit<DomainChange, "when">;

function changes(a: Facts, b: Facts): readonly Change[] {
  return [...new Set([...a.keys(), ...b.keys()])].flatMap((path): readonly Change[] => {
    const [from, to] = [a.get(path), b.get(path)];
    if (from === to) return [];
    const kind = from === undefined ? "added" : to === undefined ? "removed" : "changed";
    return [{ kind, path, from: shown(path, from), to: shown(path, to) }];
  });
}

/** Nobody is shown a password. */
function shown(path: string, value = ""): string {
  return value !== "" && /(^|\/)passwd$/.test(path) ? "***" : value;
}

/** `type=file source/file=/a target/dev=vda`: a device without where it sits. */
function inWords(device: object): string {
  return [...factsOf(device)]
    .filter(([path]) => !/^(address|alias|acpiIndex)(\/|$)/.test(path))
    .map(([path, value]) => `${path}=${shown(path, value)}`)
    .join(" ");
}
