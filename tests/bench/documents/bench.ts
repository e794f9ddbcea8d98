import type { Bench } from "../bench.ts";
import { median, spread } from "../statistics.ts";
import { type Contender, contenders } from "./contenders.ts";
import { SAMPLES, type Sample } from "./samples.ts";

interface Series {
  readonly contender: Contender;
  /** Microseconds a document. */
  readonly took: number[];
}

/** Definitions read and written: ours with types and checks, beside parsers that do neither. */
export async function benchDocuments({ dir, rounds, output }: Bench): Promise<void> {
  const summary: Record<string, unknown>[] = [];
  for (const sample of SAMPLES) {
    const series = contenders(dir).map((contender): Series => ({ contender, took: [] }));
    for (let round = 1; round <= rounds; round++) {
      for (const { contender, took } of series) {
        took.push(await contender.measure(sample));
        output.result({
          ...{ bench: "documents", sample: sample.name, bytes: sample.xml.length, round },
          ...{ contender: contender.name, side: contender.side, us: took.at(-1) },
        });
      }
      output.progress(`round ${round} of ${rounds}: ${sample.name}`);
    }
    for (const side of ["read", "write"] as const) {
      const rows = series.filter(({ contender }) => contender.side === side);
      output.table(`${title(sample)}: ${side}, microseconds`, table(rows));
    }
    summary.push(...series.map((one) => summaryOf(sample, one, series)));
  }
  output.summary({ bench: "documents", rounds, results: summary });
}

function title({ name, xml }: Sample): string {
  return `${name}, ${(xml.length / 1024).toFixed(1)} KiB`;
}

function table(rows: readonly Series[]): readonly (readonly string[])[] {
  return [
    ["", "min / median / max", "beside the first"],
    ...rows.map(({ contender, took }) => [
      contender.name,
      spread(took, 0),
      ratioTo(rows[0], took)?.toFixed(2) ?? "",
    ]),
  ];
}

/** How much of the first's time it takes. */
function ratioTo(first: Series | undefined, took: readonly number[]): number | undefined {
  return first === undefined ? undefined : median(took) / median(first.took);
}

function summaryOf(sample: Sample, { contender, took }: Series, all: readonly Series[]) {
  const ours = all.find((one) => one.contender.side === contender.side);
  return {
    ...{ sample: sample.name, bytes: sample.xml.length, side: contender.side, contender: contender.name },
    ...{ us: median(took), ratio: ratioTo(ours, took) },
  };
}
