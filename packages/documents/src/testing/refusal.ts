import { VirtError } from "@virtmesh/core/errors";

/** The VirtError that an action ends with. */
export function refusal(action: () => unknown): VirtError {
  try {
    action();
  } catch (e) {
    if (VirtError.is(e)) return e;
    throw e;
  }
  throw new Error("nothing was refused");
}
