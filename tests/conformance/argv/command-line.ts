/** A recorded command line: what stands before the program, the program, its arguments. */
export interface RecordedCommand {
  readonly environment: Readonly<Record<string, string>>;
  readonly binary: string;
  readonly args: readonly string[];
}

/** Reads a command as a shell would: quotes, backslashes, lines that go on. */
export function readCommand(text: string): RecordedCommand {
  const words = shellWords(text);
  const environment: Record<string, string> = {};
  while (/^[A-Za-z_][A-Za-z0-9_]*=/.test(words[0] ?? "")) {
    const [name = "", ...value] = (words.shift() ?? "").split("=");
    environment[name] = value.join("=");
  }
  return { environment, binary: words[0] ?? "", args: words.slice(1) };
}

function shellWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (const part of text.matchAll(/\\\n|\s+|'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)|([^\s'"\\]+)/gs)) {
    const [all, single, double, escaped, plain] = part;
    const piece = single ?? double?.replaceAll(/\\(["\\$`])/g, "$1") ?? escaped ?? plain;
    if (piece !== undefined) word = (word ?? "") + piece;
    else if (all !== "\\\n" && word !== undefined) {
      words.push(word);
      word = undefined;
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}
