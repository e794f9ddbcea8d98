import type { SourceFile } from "./source-files.ts";

/** A file longer than this has more than one reason to change; named as a warning. */
export const LONG_FILE_LINES = 450;
/** Longer than this is refused. */
export const MAX_FILE_LINES = 600;

// A home directory or a build machine's folder: works for one person only. The bracket keeps this line from naming one.
const MACHINE_PATH = /(?<![\w.$}/-])\/(?:wor[k]|hom[e]\/[a-z]\w*|roo[t]|User[s]\/\w+)\//;
const DEFAULT_EXPORT = /^export default\b/m;

/** Files whose text leads to one person's machine, as `file:line: sentence`. */
export function machinePaths(files: readonly SourceFile[]): readonly string[] {
  return files.flatMap((file) =>
    file.text.split("\n").flatMap((line, index) => {
      const match = MACHINE_PATH.exec(line);
      return match ? [`${file.path}:${index + 1}: names the machine's own path ${match[0]}`] : [];
    }),
  );
}

export function defaultExports(files: readonly SourceFile[]): readonly string[] {
  return files
    .filter((file) => DEFAULT_EXPORT.test(file.text))
    .map((file) => `${file.path}: has a default export; name what it exports`);
}

export function longFiles(files: readonly SourceFile[]): {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
} {
  const problems: string[] = [];
  const warnings: string[] = [];
  for (const file of files) {
    const lines = file.text.split("\n").length - 1;
    const sentence = `${file.path} has ${lines} lines`;
    if (lines > MAX_FILE_LINES)
      problems.push(`${sentence}, more than ${MAX_FILE_LINES}; split it by reason to change`);
    else if (lines > LONG_FILE_LINES) warnings.push(sentence);
  }
  return { problems, warnings };
}
