import type { GuestCase } from "./cases.ts";

/** Whether a guest came up, its CPUs stopped; if not, why. */
export interface Trial {
  readonly up: boolean;
  readonly why: string;
}

/** Who starts guests: one at a time, and each is gone before the next. */
export interface Side extends AsyncDisposable {
  try(one: GuestCase): Promise<Trial>;
}
