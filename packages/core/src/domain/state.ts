/** libvirt's virDomainState, without NOSTATE. */
export type DomainState =
  | "running"
  | "blocked"
  | "paused"
  | "shutdown"
  | "shutoff"
  | "crashed"
  | "pmsuspended";

/** Whether a hypervisor holds an instance of the guest in that state. */
export function isActive(state: DomainState): boolean {
  switch (state) {
    case "running":
    case "blocked":
    case "paused":
    case "shutdown":
    case "pmsuspended":
      return true;
    case "shutoff":
    case "crashed":
      return false;
  }
}

/** libvirt's virDomainEventType, and the reboot event. */
export type LifecycleType =
  | "defined"
  | "undefined"
  | "started"
  | "suspended"
  | "resumed"
  | "stopped"
  | "shutdown"
  | "pmsuspended"
  | "crashed"
  | "rebooted";
