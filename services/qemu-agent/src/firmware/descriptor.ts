import { VirtError } from "@virtmesh/core/errors";

/** A file of the host that QEMU can start from, as its package describes it (QEMU's docs/interop/firmware.json). */
export interface FirmwareDescriptor {
  readonly description: string;
  readonly interfaces: readonly string[];
  readonly mapping: FirmwareMapping;
  readonly targets: readonly { readonly architecture: string; readonly machines: readonly string[] }[];
  readonly features: ReadonlySet<string>;
}

export type FirmwareMapping =
  | {
      readonly device: "flash";
      readonly mode: "split" | "combined" | "stateless";
      readonly code: string;
      readonly format: string;
      /** What a guest's variables begin as. */
      readonly template?: string;
    }
  | { readonly device: "memory"; readonly path: string }
  | { readonly device: "other" };

interface Raw {
  readonly description?: string;
  readonly "interface-types"?: readonly string[];
  readonly mapping?: {
    readonly device?: string;
    readonly mode?: "split" | "combined" | "stateless";
    readonly filename?: string;
    readonly executable?: { readonly filename?: string; readonly format?: string };
    readonly "nvram-template"?: { readonly filename?: string };
  };
  readonly targets?: readonly { readonly architecture?: string; readonly machines?: readonly string[] }[];
  readonly features?: readonly string[];
}

/** @throws HOST_SETUP for text that is no descriptor */
export function readDescriptor(text: string, name: string): FirmwareDescriptor {
  let raw: Raw;
  try {
    raw = JSON.parse(text) as Raw;
  } catch (e) {
    throw new VirtError("HOST_SETUP", `the description of firmware ${name} is no JSON`, {}, { cause: e });
  }
  return {
    description: raw.description ?? name,
    interfaces: raw["interface-types"] ?? [],
    mapping: mappingOf(raw.mapping),
    targets: (raw.targets ?? []).map(({ architecture = "", machines = [] }) => ({ architecture, machines })),
    features: new Set(raw.features),
  };
}

function mappingOf(mapping: Raw["mapping"]): FirmwareMapping {
  const code = mapping?.executable?.filename;
  if (mapping?.device === "flash" && code !== undefined) {
    const template = mapping["nvram-template"]?.filename;
    return {
      device: "flash",
      mode: mapping.mode ?? "split",
      code,
      format: mapping.executable?.format ?? "raw",
      ...(template === undefined ? {} : { template }),
    };
  }
  if (mapping?.device === "memory" && mapping.filename !== undefined)
    return { device: "memory", path: mapping.filename };
  return { device: "other" };
}
