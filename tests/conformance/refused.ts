import { VirtError } from "@virtmesh/core/errors";
import { fail, type Outcome, PASS } from "./suite.ts";

/** A case that must be refused: with an error of ours, not by chance. `why` is what libvirt says. */
export function refused(read: () => unknown, why = ""): Outcome {
  try {
    read();
  } catch (e) {
    if (VirtError.is(e) && e.reason !== "INTERNAL") return PASS;
    throw e;
  }
  return fail(`it is accepted, and must be refused${why === "" ? "" : `: ${why}`}`);
}
