import { VirtError } from "@virtmesh/core/errors";

/** What a setting is set to. */
export type Value = string | number | readonly Value[];

/** One setting, as it is written. */
export type Pair = readonly [key: string, value: Value];

/** One setting, as it was read. */
export interface Setting {
  readonly key: string;
  readonly value: Value;
  /** From 1. */
  readonly line: number;
}

/** Which of Xen's toolstacks reads a file. The older one, xm, went away with Xen 4.5. */
export type Dialect = "xl" | "xm";

/** What a file says wrongly, or what libvirt's documents have no place for. */
export function invalid(line: number, description: string): VirtError {
  return new VirtError("CONFIG_INVALID", `line ${line}: ${description}`, {
    violations: [{ field: `line ${line}`, description }],
    metadata: { line: String(line) },
  });
}

/** What a document asks for and Xen's files have no setting for. */
export function unsupported(message: string, path: string): VirtError {
  const field = `/domain/${path}`;
  return new VirtError("CONFIG_UNSUPPORTED", `${message} at ${field}`, {
    violations: [{ field, description: message }],
    metadata: { path: field },
  });
}
