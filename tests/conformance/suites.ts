import type { Suite } from "./suite.ts";
import { generic } from "./suites/generic.ts";
import { qemuRoundtrip } from "./suites/qemu-roundtrip.ts";

/** Every suite, in the order in which they run. A new one is a file in suites/ and a line here. */
export const SUITES: readonly Suite[] = [generic, qemuRoundtrip];
