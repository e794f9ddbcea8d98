import { VirtError } from "@virtmesh/core/errors";
import type { Directory, KnownAgent } from "../directory.ts";
import { AgentLink, type LinkOptions } from "./link.ts";

/** One link for each agent; it goes with the lease, and with the address. */
export class Links implements Disposable {
  readonly #links = new Map<string, AgentLink>();
  readonly #options: LinkOptions;
  readonly #subscription: Disposable;

  constructor(directory: Directory, options: LinkOptions) {
    this.#options = options;
    this.#subscription = directory.onChange((before, now) => {
      if (before === undefined) return;
      if (now === undefined || now.lostAtMs !== undefined || now.address !== before.address) {
        const link = this.#links.get(before.address);
        this.#links.delete(before.address);
        link?.close(
          now === undefined || now.lostAtMs !== undefined
            ? directory.goneError(now ?? before)
            : moved(before, now),
        );
      }
    });
  }

  to(agent: KnownAgent): AgentLink {
    const open = this.#links.get(agent.address);
    if (open !== undefined) return open;
    const link = new AgentLink({ host: agent.host, address: agent.address }, this.#options);
    this.#links.set(agent.address, link);
    return link;
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
    for (const link of this.#links.values()) link[Symbol.dispose]();
    this.#links.clear();
  }
}

function moved(before: KnownAgent, now: KnownAgent): VirtError {
  return new VirtError(
    "HOST_GONE",
    `the agent of ${before.host} moved from ${before.address} to ${now.address} before it answered; what was asked may have been done, so read the state or repeat with the same request_id`,
    { metadata: { host: before.host, address: now.address }, retryAfterMs: 1000 },
  );
}
