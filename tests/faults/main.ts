import { parseArgs } from "node:util";
import { runCell } from "./cell.ts";
import { CELLS, cellsNamed } from "./cells/matrix.ts";
import { Chance, seedOf } from "./lab/chance.ts";
import { Stage } from "./lab/stage.ts";

const { values } = parseArgs({ options: { only: { type: "string" }, seed: { type: "string" } } });
const cells = values.only === undefined ? CELLS : cellsNamed(values.only);
const t = performance.now();
let stage = await Stage.start();
console.log("stage", Math.round(performance.now() - t));
try {
  for (const cell of cells) {
    const result = await runCell(stage, cell, new Chance(seedOf(values.seed ?? "1", cell.name, 1)), {
      pauseMs: 4000,
    });
    const { seen, ...rest } = result;
    console.log(JSON.stringify(rest));
    if (!result.ok)
      for (const s of seen)
        console.log(
          `   ${s.atMs.toFixed(0)} ${s.host} ${s.side} ${s.kind} @${s.phase} ${JSON.stringify(s.detail).slice(0, 200)}`,
        );
    if (!result.ok) {
      if (process.env.KEEP) {
        console.log(stage.mesh.dir);
        await new Promise((r) => setTimeout(r, 200000));
      }
      await stage[Symbol.asyncDispose]();
      stage = await Stage.start();
    } else if (result.outcome === "nowhere") await stage.boot();
  }
} finally {
  await stage[Symbol.asyncDispose]();
}
