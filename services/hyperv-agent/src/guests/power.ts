/** What a guest is in when it is in nothing that passes. */
export type Power = "off" | "running" | "paused" | "saved";

const SHUTTING_DOWN = 4;

/**
 * EnabledState of Msvm_ComputerSystem; undefined while it goes from one to another, and for what nobody documents. The
 * large numbers are those that Hyper-V had first, and that its documentation still names.
 */
export function powerOf(enabledState: number | undefined): Power | undefined {
  switch (enabledState) {
    // Shutting down is what a guest does that still runs.
    case 2:
    case SHUTTING_DOWN:
      return "running";
    case 3:
      return "off";
    case 6:
    case 32769:
      return "saved";
    case 9:
    case 32768:
      return "paused";
    default:
      return undefined;
  }
}

/** Whether a guest stays in it. */
export function isSettled(enabledState: number | undefined): boolean {
  return enabledState !== SHUTTING_DOWN && powerOf(enabledState) !== undefined;
}

/** RequestedState of RequestStateChange. */
export const REQUEST = { on: 2, off: 3, save: 6, pause: 9, reset: 11 } as const;
