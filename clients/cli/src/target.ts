import { VirtError } from "@virtmesh/core/errors";
import { formatConnectionUri, parseConnectionUri } from "@virtmesh/core/uri";

/** A guest and the connection that serves it. */
export interface Target {
  readonly uri: string;
  /** UUID or name. */
  readonly domain: string;
}

/** How a guest was named on the command line. */
export type Address =
  | { readonly kind: "placed"; readonly target: Target }
  | { readonly kind: "bare"; readonly domain: string };

/** Hypervisors with one connection a host: `esx://host-a/web-1`. */
const WITHOUT_PATH: ReadonlySet<string> = new Set(["esx", "hyperv"]);

/**
 * Reads the name of a guest: bare (`web-1`, or a UUID), or with its connection, which is everything before the
 * last `/` of a URI (`qemu://host-a/system/web-1`).
 */
export function parseAddress(text: string): Address {
  if (text === "") throw new VirtError("INVALID_NAME", "the name of a guest must not be empty");
  if (!text.includes("://")) return { kind: "bare", domain: text };
  const slash = text.lastIndexOf("/");
  const uri = text.slice(0, slash);
  const domain = decode(text, text.slice(slash + 1));
  const connection = parseConnectionUri(uri);
  const isWhole = connection.path !== "/" || WITHOUT_PATH.has(connection.scheme);
  if (domain === "" || !isWhole) {
    throw new VirtError(
      "INVALID_URI",
      `"${text}" names a connection but no guest; write ${text.replace(/\/$/, "")}/NAME`,
    );
  }
  const isRoot = connection.path === "/";
  return { kind: "placed", target: { uri: isRoot ? formatConnectionUri(connection) : uri, domain } };
}

/** The URI form of a guest, as `list` could print it and any verb takes it. */
export function formatAddress(target: Target): string {
  return `${target.uri.replace(/\/$/, "")}/${encodeURIComponent(target.domain)}`;
}

function decode(whole: string, part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (cause) {
    throw new VirtError(
      "INVALID_URI",
      `"${whole}" has a % that is not followed by two hexadecimal digits`,
      {},
      { cause },
    );
  }
}
