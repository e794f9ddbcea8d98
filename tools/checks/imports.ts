/** One import of a TypeScript file. */
export interface Import {
  readonly specifier: string;
  /** Gone when the types are stripped. */
  readonly typeOnly: boolean;
  readonly line: number;
}

const FORMS = [
  /^[ \t]*(?:import|export)\b[^;"'`]*?\bfrom\s*["']([^"']+)["']/gm,
  /^[ \t]*import\s*["']([^"']+)["']/gm,
  /\bimport\(\s*["']([^"']+)["']/g,
];

/** Every module a source text names, in order. Reads the text only: comments that look like imports count. */
export function importsOf(text: string): readonly Import[] {
  const found: (Import & { at: number })[] = [];
  for (const form of FORMS) {
    for (const match of text.matchAll(form)) {
      found.push({
        specifier: match[1] ?? "",
        typeOnly: /^\s*(?:import|export)\s+type\b/.test(match[0]),
        line: text.slice(0, match.index + match[0].length).split("\n").length,
        at: match.index,
      });
    }
  }
  return found
    .sort((a, b) => a.at - b.at)
    .map(({ specifier, typeOnly, line }) => ({ specifier, typeOnly, line }));
}
