import type { LifecycleType } from "../domain/state.ts";
import type { DomainUuid } from "../ids.ts";
import type { BlockJobInfo } from "./block-jobs.ts";

/** What a hypervisor says about a guest, in the order in which it happened. */
export interface HypervisorEvent {
  readonly uuid: DomainUuid;
  readonly name: string;
  /** Milliseconds since the epoch, by the hypervisor's clock where it tells. */
  readonly timeMs: number;
  /** Found by comparing states after a restart, not seen when it happened. */
  readonly reconciled?: boolean;
  /** Who caused it; absent when the guest or the host did. */
  readonly actor?: string;
  readonly requestId?: string;
  readonly body: HypervisorEventBody;
}

export type HypervisorEventBody =
  /** `detail` in libvirt's words: `booted`, `migrated`, `destroyed`, `shutdown`, `crashed`, `io-error`, ... */
  | { readonly kind: "lifecycle"; readonly type: LifecycleType; readonly detail: string }
  | { readonly kind: "blockJob"; readonly job: BlockJobInfo }
  | {
      readonly kind: "device";
      readonly type: "added" | "removed" | "removalFailed" | "trayChanged" | "channelChanged" | "updated";
      readonly device: string;
      readonly detail: string;
    }
  | {
      readonly kind: "ioError";
      readonly disk: string;
      readonly operation: "read" | "write";
      readonly action: "report" | "stop" | "ignore";
      readonly message: string;
      readonly outOfSpace: boolean;
    }
  | { readonly kind: "guestPanic"; readonly detail: string }
  | {
      readonly kind: "snapshot";
      readonly type: "created" | "reverted" | "deleted";
      readonly snapshot: string;
    }
  /** A guest that runs has more or less of its host than before. */
  | {
      readonly kind: "resource";
      readonly memoryBytes: bigint;
      readonly maxMemoryBytes: bigint;
      readonly vcpus: number;
    };

/** Called in order, once for each event; must not throw. */
export type EventListener = (event: HypervisorEvent) => void;
