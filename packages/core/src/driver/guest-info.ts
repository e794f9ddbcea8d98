import type { Call } from "../call.ts";
import type { DomainUuid } from "../ids.ts";

/** Who is asked for addresses; `best` is whoever of the others knows best on that hypervisor. */
export type AddressSource = "best" | "lease" | "agent" | "arp";

export interface GuestInterface {
  /** In the guest where that is known, else on the host. */
  readonly name: string;
  readonly mac: string;
  readonly addresses: readonly {
    readonly address: string;
    /** 0 when it is not known. */
    readonly prefix: number;
  }[];
}

/** Empty is what is not known. */
export interface GuestSystem {
  readonly hostname: string;
  readonly osId: string;
  readonly osName: string;
  readonly osVersion: string;
  readonly kernel: string;
  readonly timezone: string;
  /** The hypervisor's program in the guest that answers. */
  readonly tools: string;
}

/** What is known of the system inside a guest that runs. */
export interface GuestInfoFacet {
  /** @throws UNSUPPORTED for a source that this hypervisor does not have, GUEST_AGENT_SILENT */
  addresses?(uuid: DomainUuid, source: AddressSource, c: Call): Promise<readonly GuestInterface[]>;
  /** @throws GUEST_AGENT_SILENT */
  system?(uuid: DomainUuid, c: Call): Promise<GuestSystem>;
}
