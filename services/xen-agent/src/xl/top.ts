/** What xentop counts of one domain. */
export interface TopRow {
  readonly name: string;
  readonly cpuSeconds: number;
  readonly memoryKiB: number;
}

/** Columns before those that are read are `NAME` and a state of six letters; the name may have blanks in it. */
const ROW = /^\s*(\S.*?)\s+[-a-z]{6}\s+(\d+)\s+[\d.]+\s+(\d+)\s/;

/** One line of `xentop -b -f`; undefined for a heading. */
export function parseTopRow(line: string): TopRow | undefined {
  const [, name, seconds, memory] = ROW.exec(line) ?? [];
  return name === undefined ? undefined : { name, cpuSeconds: Number(seconds), memoryKiB: Number(memory) };
}
