import { VirtError } from "@virtmesh/core/errors";
import { isUriPattern, matchesUriPattern, parseConnectionUri } from "@virtmesh/core/uri";

/**
 * Whether a request's URI means this agent. An agent takes `qemu:///system` too: who asks it directly means this
 * host. Throws INVALID_URI, UNKNOWN_SCHEME or UNKNOWN_HOST naming what is served here.
 */
export function checkUri(uri: string, host: string, served: readonly string[]): void {
  if (isUriPattern(uri)) {
    if (served.some((own) => matchesUriPattern(uri, own))) return;
    throw new VirtError(
      "UNKNOWN_HOST",
      `the pattern "${uri}" does not cover this agent, which serves ${served.join(", ")}`,
      {
        metadata: { uri, host },
      },
    );
  }
  const asked = parseConnectionUri(uri);
  const own = served.map((each) => parseConnectionUri(each));
  if (!own.some((each) => each.scheme === asked.scheme)) {
    throw new VirtError(
      "UNKNOWN_SCHEME",
      `"${uri}" is not served here: this agent serves ${served.join(", ")}`,
      {
        metadata: { uri, scheme: asked.scheme },
      },
    );
  }
  if (asked.host !== "" && asked.host !== host) {
    throw new VirtError(
      "UNKNOWN_HOST",
      `"${uri}" means host ${asked.host}, and this is the agent of host ${host}`,
      {
        metadata: { uri, host: asked.host },
      },
    );
  }
  if (!own.some((each) => each.scheme === asked.scheme && each.path === asked.path)) {
    throw new VirtError(
      "UNKNOWN_HOST",
      `"${uri}" has a path that is not served here: this agent serves ${served.join(", ")}`,
      {
        metadata: { uri, host },
      },
    );
  }
}
