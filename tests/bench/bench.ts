import type { Output } from "./output.ts";

/** What every benchmark is given. */
export interface Bench {
  /** Of this run, with a short path; removed afterwards with every hypervisor that names it. */
  readonly dir: string;
  readonly rounds: number;
  /** The one case to measure, in benchmarks that have names for them; all of them unless told. */
  readonly only: string | undefined;
  readonly output: Output;
}
