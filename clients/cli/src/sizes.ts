import { VirtError } from "@virtmesh/core/errors";
import { unitBytes } from "@virtmesh/documents/schema/kinds";

/** Bytes of a size as virsh takes it: `524288` (KiB), `512M`, `2GiB`, `2 GB`. */
export function parseSize(what: string, text: string): bigint {
  const [, number = "", unit = ""] = /^\s*(\d+)\s*([A-Za-z]*)\s*$/.exec(text) ?? [];
  const factor = unit === "" ? 1024n : unitBytes(unit);
  if (number === "" || factor === undefined) {
    throw new VirtError(
      "INVALID_FIELD",
      `${what} must be a whole number of KiB, or one with its unit such as 512MiB or 2GiB, not "${text}"`,
    );
  }
  return BigInt(number) * factor;
}
