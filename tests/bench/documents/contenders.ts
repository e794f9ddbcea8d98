import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { VirtError } from "@virtmesh/core/errors";
import { formatDomain, parseDomain } from "@virtmesh/documents/domain/document";
import { readXml } from "@virtmesh/documents/xml/read";
import { run } from "@virtmesh/lab/process";
import { XMLBuilder, XMLParser } from "fast-xml-parser";
import type { Sample } from "./samples.ts";

/** Something that reads or writes a document, and how long one takes in microseconds. */
export interface Contender {
  readonly name: string;
  /** What it does is comparable with: reading, or writing. */
  readonly side: "read" | "write";
  measure(sample: Sample): Promise<number>;
}

/** How long each round measures. */
const ROUND_MS = 150;

/** Repeats it for a while, in bunches so that the clock costs nothing. */
function repeated(work: () => unknown): number {
  work();
  let count = 0;
  const began = performance.now();
  let now = began;
  while (now - began < ROUND_MS) {
    for (let i = 0; i < 8; i++) work();
    count += 8;
    now = performance.now();
  }
  return ((now - began) * 1000) / count;
}

function inProcess(
  name: string,
  side: Contender["side"],
  prepare: (sample: Sample) => () => unknown,
): Contender {
  return { name, side, measure: async (sample) => repeated(prepare(sample)) };
}

const OPTIONS = { ignoreAttributes: false, preserveOrder: true, parseAttributeValue: false } as const;

/** xmllint parses a file a hundred times and tells the milliseconds of them all. */
function libxml2(name: string, dir: string, flags: readonly string[]): Contender {
  return {
    name,
    side: "read",
    async measure(sample) {
      const file = join(dir, `${sample.name.replaceAll(" ", "-")}.xml`);
      await writeFile(file, sample.xml);
      const { stderr } = await run(["xmllint", "--noout", "--timing", "--repeat", ...flags, file]);
      const [, took] = /100 iterations took (\d+) ms/.exec(stderr) ?? [];
      if (took === undefined)
        throw new VirtError("HOST_SETUP", `xmllint says nothing of its time: ${stderr.slice(0, 200)}`);
      return Number(took) * 10;
    },
  };
}

export function contenders(dir: string): readonly Contender[] {
  return [
    inProcess(
      "virtmesh, typed and checked",
      "read",
      ({ xml }) =>
        () =>
          parseDomain(xml),
    ),
    inProcess(
      "virtmesh, the tree alone",
      "read",
      ({ xml }) =>
        () =>
          readXml(xml),
    ),
    inProcess("fast-xml-parser", "read", ({ xml }) => {
      const parser = new XMLParser(OPTIONS);
      return () => parser.parse(xml) as unknown;
    }),
    libxml2("libxml2, the tree alone", dir, ["--memory"]),
    libxml2("libxml2, streaming", dir, ["--stream"]),
    inProcess("virtmesh, from the typed model", "write", ({ xml }) => {
      const definition = parseDomain(xml);
      return () => formatDomain(definition, { secure: true });
    }),
    inProcess("fast-xml-parser, from its tree", "write", ({ xml }) => {
      const tree = new XMLParser(OPTIONS).parse(xml) as unknown;
      const builder = new XMLBuilder({ ...OPTIONS, format: true });
      return () => builder.build(tree);
    }),
  ];
}
