import { VirtError } from "@virtmesh/core/errors";
import { unitBytes } from "@virtmesh/documents/schema/kinds";

/** Bytes of a size as virsh takes it: `524288` (KiB unless another unit is usual), `512M`, `2GiB`, `2 GB`. */
export function parseSize(what: string, text: string, usual: "KiB" | "B" = "KiB"): bigint {
  const [, number = "", unit = ""] = /^\s*(\d+)\s*([A-Za-z]*)\s*$/.exec(text) ?? [];
  const factor = unitBytes(unit || usual);
  if (number === "" || factor === undefined) {
    throw new VirtError(
      "INVALID_FIELD",
      `${what} must be a whole number of ${usual === "B" ? "bytes" : usual}, or one with its unit such as 512MiB or 2GiB, not "${text}"`,
    );
  }
  return BigInt(number) * factor;
}
