/** The states a guest stays in, and those it goes through. */
export type GuestState =
  | "running"
  | "off"
  | "saved"
  | "paused"
  | "starting"
  | "stopping"
  | "saving"
  | "pausing"
  | "resuming"
  | "resetting";

/** Msvm_ComputerSystem.EnabledState in root/virtualization/v2. */
export const ENABLED_STATE: Readonly<Record<GuestState, number>> = {
  running: 2,
  off: 3,
  stopping: 4,
  saved: 6,
  paused: 9,
  starting: 10,
  resetting: 11,
  saving: 32773,
  pausing: 32776,
  resuming: 32777,
};

export function guestState(enabledState: number): GuestState {
  const found = (Object.keys(ENABLED_STATE) as GuestState[]).find((s) => ENABLED_STATE[s] === enabledState);
  if (found === undefined) throw new Error(`no guest of the simulator has the EnabledState ${enabledState}`);
  return found;
}

/** What RequestStateChange asks for. */
export type StateRequest = "start" | "turn off" | "save" | "pause" | "reset";

const REQUESTS: Readonly<Record<number, StateRequest>> = {
  2: "start",
  3: "turn off",
  6: "save",
  9: "pause",
  10: "reset",
  11: "reset",
};

export function stateRequest(requestedState: number): StateRequest | undefined {
  return REQUESTS[requestedState];
}

export interface Transition {
  readonly via: GuestState;
  readonly to: GuestState;
}

type Settled = "running" | "off" | "saved" | "paused";

const TRANSITIONS: Readonly<Record<Settled, Readonly<Partial<Record<StateRequest, Transition>>>>> = {
  off: { start: { via: "starting", to: "running" } },
  running: {
    "turn off": { via: "stopping", to: "off" },
    save: { via: "saving", to: "saved" },
    pause: { via: "pausing", to: "paused" },
    reset: { via: "resetting", to: "running" },
  },
  paused: {
    start: { via: "resuming", to: "running" },
    "turn off": { via: "stopping", to: "off" },
    save: { via: "saving", to: "saved" },
    reset: { via: "resetting", to: "running" },
  },
  // Turning off what is saved throws its memory away.
  saved: { start: { via: "starting", to: "running" }, "turn off": { via: "stopping", to: "off" } },
};

/** Undefined where Windows answers "invalid state for this operation". */
export function transition(state: GuestState, request: StateRequest): Transition | undefined {
  switch (state) {
    case "running":
    case "off":
    case "saved":
    case "paused":
      return TRANSITIONS[state][request];
    case "starting":
    case "stopping":
    case "saving":
    case "pausing":
    case "resuming":
    case "resetting":
      return undefined;
  }
}
