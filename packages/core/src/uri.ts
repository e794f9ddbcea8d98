import { VirtError } from "./errors.ts";

/**
 * A libvirt connection URI: `scheme[+transport]://[user@][host][:port]/[path][?query]`
 * (libvirt documentation, "Connection URIs"). The transport is the client's affair and plays no part in routing.
 */
export interface ConnectionUri {
  /** Which hypervisor: `qemu`, `test`, `xen`, ... */
  readonly scheme: string;
  /** Host of the mesh, or empty: whichever single host serves the rest. */
  readonly host: string;
  /** `/system`, `/default`, ... */
  readonly path: string;
}

const FORM =
  /^([a-z][a-z0-9]*)(?:\+[a-z0-9]+)?:\/\/(?:[^@/?#]*@)?(\[[^\]]*\]|[^/:?#]*)(?::\d+)?(\/[^?#]*)?(?:\?[^#]*)?$/i;

export function parseConnectionUri(text: string): ConnectionUri {
  const m = FORM.exec(text);
  if (!m) {
    throw new VirtError(
      "INVALID_URI",
      `"${text}" is not a connection URI; one looks like qemu://host-a/system`,
      {
        violations: [{ field: "uri", description: "not of the form scheme://host/path" }],
      },
    );
  }
  return { scheme: (m[1] ?? "").toLowerCase(), host: m[2] ?? "", path: m[3] ?? "/" };
}

export function formatConnectionUri(uri: ConnectionUri): string {
  return `${uri.scheme}://${uri.host}${uri.path}`;
}

/** Whether a text names several hosts: empty, or with `*` in it. */
export function isUriPattern(text: string): boolean {
  return text === "" || text.includes("*");
}

/** Whether a pattern (`qemu://*\/system`, `*://host-a/*`, empty = everything) covers a URI; `*` stands for any run of characters without `/`, at the end for any. */
export function matchesUriPattern(pattern: string, uri: string): boolean {
  if (pattern === "") return true;
  const source = pattern
    .split("*")
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"))
    .join("[^/]*");
  return new RegExp(`^${source}$`).test(uri);
}
