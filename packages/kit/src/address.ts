import { VirtError } from "@virtmesh/core/errors";

/** Splits `host:port`, `[v6]:port` or `:port` (all addresses). Throws INVALID_FIELD. */
export function splitAddress(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) {
    throw new VirtError(
      "INVALID_FIELD",
      `"${text}" is not an address to listen on, write host:port or [v6 address]:port`,
    );
  }
  return { host: match[1] ?? (match[2] || "0.0.0.0"), port };
}
