// `npm run model`: checks the models of migrations (docs/model) with spin, and that it can fail.
//   npm run model              everything that CI runs, one to three minutes on two cores
//   npm run model -- --deep    four faults a run as well: some minutes and gigabytes more
//   npm run model -- --only post-copy    those with that in their names
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import { ensurePackages, MODEL_NEEDS } from "@virtmesh/lab/apt";
import { run } from "@virtmesh/lab/process";
import { CHECKS, DEEP_CHECKS, type ModelCheck, SEEDED_FAULTS, verdictOf } from "./model/checks.ts";

const models = join(import.meta.dirname, "../docs/model");
/** A check that takes longer than this has grown out of CI. */
const LIMIT_MS = 170_000;

/** One run of spin, in a folder of its own; answers what pan printed. */
async function check({ model, definitions, claim, mustFail }: ModelCheck): Promise<string> {
  const cwd = await mkdtemp(join(tmpdir(), "virtmesh-model-"));
  try {
    const defines = Object.entries(definitions).map(([name, value]) => `-D${name}=${value}`);
    const { stdout } = await run(["spin", ...defines, "-a", join(models, `${model}.pml`)], { cwd });
    if (/error/i.test(stdout))
      throw new VirtError("INTERNAL", `spin does not understand ${model}.pml: ${stdout}`);
    // Assertions only, or one claim under weak fairness.
    const kind = claim === undefined ? ["-DSAFETY", "-DNOCLAIM"] : ["-DNFAIR=3"];
    // What fails does so among few states: there the compiler is what takes time.
    const gcc = ["gcc", mustFail ? "-O0" : "-O1", "-w", ...defines, ...kind, "-DCOLLAPSE", "-DVECTORSZ=2048"];
    await run([...gcc, "-o", "pan", "pan.c"], { cwd });
    const options = claim === undefined ? [] : ["-a", "-f", "-N", claim];
    const signal = AbortSignal.timeout(LIMIT_MS);
    return (await run(["./pan", "-m1000000", "-w22", ...options], { cwd, signal })).stdout;
  } finally {
    await rm(cwd, { recursive: true, force: true });
  }
}

/** @returns whether it ended as it must */
async function perform(each: ModelCheck): Promise<boolean> {
  const start = performance.now();
  const verdict = verdictOf(await check(each));
  const isRight =
    each.mustFail === (verdict.violated !== undefined) &&
    verdict.isComplete !== each.mustFail &&
    (verdict.violated ?? "").includes(each.by ?? "");
  const what = verdict.violated === undefined ? "holds" : `violated: ${verdict.violated}`;
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(
    `${isRight ? "ok  " : "FAIL"} ${each.name.padEnd(58)} ${String(verdict.states).padStart(9)} states  ${what}  ${seconds} s`,
  );
  return isRight;
}

try {
  await ensurePackages(MODEL_NEEDS, (text) => console.error(text));
  const { values } = parseArgs({
    options: { deep: { type: "boolean", default: false }, only: { type: "string", default: "" } },
  });
  const every = [...CHECKS, ...(values.deep ? DEEP_CHECKS : []), ...SEEDED_FAULTS];
  const all = every.filter(({ name }) => name.includes(values.only));
  if (all.length === 0)
    throw new VirtError("INVALID_FIELD", `--only ${values.only}: no check has that in its name`);
  // Two at a time, each on a core of its own.
  let wrong = 0;
  const work = async (): Promise<void> => {
    for (let each = all.shift(); each !== undefined; each = all.shift())
      if (!(await perform(each))) wrong += 1;
  };
  await Promise.all([work(), work()]);
  console.log(
    wrong === 0 ? "the models hold, and catch every seeded fault" : `${wrong} checks of the models are wrong`,
  );
  process.exitCode = wrong === 0 ? 0 : 1;
} catch (e) {
  console.error(VirtError.is(e) ? messageOf(e) : e);
  process.exitCode = 1;
}
