import { mkdir, readFile, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { VirtError } from "@virtmesh/core/errors";
import { writeDurably } from "@virtmesh/agent/journal/durable-file";
import type { QemuCapabilities } from "./model.ts";
import { type ProbeOptions, type ProbeResult, probe } from "./probe.ts";

/** Raised when the probe learns to ask more, so that older answers are not used. */
const FORMAT = 3;

interface Cached {
  readonly key: string;
  readonly capabilities: Omit<QemuCapabilities, Sets> & Readonly<Record<Sets, readonly string[]>>;
  readonly notes: readonly string[];
}

const SETS = [
  "devices",
  "objects",
  "netdevs",
  "chardevs",
  "blockDrivers",
  "cpuModels",
  "cpuFeatures",
  "options",
  "accelerators",
] as const;
type Sets = (typeof SETS)[number];

/**
 * What the binary can do, asked once per binary (its path, size and time of change) and boot of the host, which
 * may bring another kernel and with it another KVM.
 */
export async function probeOnce(options: ProbeOptions & { readonly cacheDir: string }): Promise<ProbeResult> {
  const key = await keyOf(options.binary);
  const path = join(options.cacheDir, "qemu-capabilities.json");
  const cached = await read(path);
  if (cached?.key === key) return fromJson(cached);
  await mkdir(options.workDir, { recursive: true });
  const found = await probe(options);
  await mkdir(options.cacheDir, { recursive: true });
  await writeDurably(path, `${JSON.stringify(toJson(key, found), undefined, 1)}\n`);
  return found;
}

async function keyOf(binary: string): Promise<string> {
  const path = await realpath(binary).catch((e: unknown) => {
    throw new VirtError(
      "HOST_SETUP",
      `there is no QEMU at ${binary}; install it or configure its path`,
      {},
      { cause: e },
    );
  });
  const { mtimeMs, size } = await stat(path);
  const boot = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
  return `${FORMAT} ${binary} ${path} ${mtimeMs} ${size} ${boot}`;
}

async function read(path: string): Promise<Cached | undefined> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Cached;
  } catch {
    // Whatever it was, it is only a cache: the probe writes it anew.
    return undefined;
  }
}

function toJson(key: string, { capabilities, notes }: ProbeResult): Cached {
  const sets = SETS.map((name) => [name, [...capabilities[name]]]);
  return {
    key,
    capabilities: { ...capabilities, ...(Object.fromEntries(sets) as Record<Sets, string[]>) },
    notes,
  };
}

function fromJson({ capabilities, notes }: Cached): ProbeResult {
  const sets = SETS.map((name) => [name, new Set(capabilities[name])]);
  return {
    capabilities: { ...capabilities, ...(Object.fromEntries(sets) as Pick<QemuCapabilities, Sets>) },
    notes,
  };
}
