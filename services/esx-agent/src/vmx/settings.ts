import { VirtError } from "@virtmesh/core/errors";

interface Setting {
  readonly name: string;
  readonly value: string;
  /** From 1. */
  readonly line: number;
}

/** The settings of a .vmx file. Their names are the same in upper and lower case. */
export class VmxSettings {
  readonly #settings: ReadonlyMap<string, Setting>;

  private constructor(settings: ReadonlyMap<string, Setting>) {
    this.#settings = settings;
  }

  /** @throws CONFIG_INVALID naming the line */
  static read(text: string): VmxSettings {
    const settings = new Map<string, Setting>();
    for (const [i, raw] of text.split(/\r?\n/).entries()) {
      const content = raw.trim();
      if (content === "" || content.startsWith("#")) continue;
      const [, name = "", written = ""] = /^([^\s="]+)\s*=\s*"([^"]*)"\s*(?:#.*)?$/.exec(content) ?? [];
      if (name === "") throw invalid(i + 1, `${content} is not of the form name = "value"`);
      const setting = { name, value: unescaped(written, "|", i + 1), line: i + 1 };
      if (!settings.has(name.toLowerCase())) settings.set(name.toLowerCase(), setting);
    }
    const found = new VmxSettings(settings);
    found.#checkEncoding(text);
    return found;
  }

  /** In lower case, in their order. */
  names(): readonly string[] {
    return [...this.#settings.keys()];
  }

  text(name: string): string | undefined {
    return this.#settings.get(name.toLowerCase())?.value;
  }

  /** The same in lower case, for what is one of a few words. */
  word(name: string): string | undefined {
    return this.text(name)?.toLowerCase();
  }

  /** @throws CONFIG_INVALID */
  needed(name: string, what: string): string {
    const found = this.text(name);
    if (found !== undefined) return found;
    throw new VirtError("CONFIG_INVALID", `${name} is missing: ${what}`, {
      violations: [{ field: name, description: "is missing" }],
    });
  }

  /** `unlimited` is -1. @throws CONFIG_INVALID */
  integer(name: string): bigint | undefined {
    const text = this.word(name);
    if (text === undefined) return undefined;
    if (text === "unlimited") return -1n;
    if (/^-?\d{1,19}$/.test(text)) return BigInt(text);
    throw this.wrong(name, "must be a whole number");
  }

  /** @throws CONFIG_INVALID */
  flag(name: string, otherwise = false): boolean {
    const text = this.word(name) ?? String(otherwise);
    if (text === "true" || text === "false") return text === "true";
    throw this.wrong(name, 'must be "true" or "false"');
  }

  /** The numbers that stand behind a word in names, in order: 0 and 2 for `ethernet0.present` and `ethernet2.present`. */
  numbersOf(word: string): readonly number[] {
    const pattern = new RegExp(`^${word}(\\d+)\\.`, "i");
    const found = this.names().flatMap((key) => pattern.exec(key)?.[1] ?? []);
    return [...new Set(found.map(Number))].sort((a, b) => a - b);
  }

  /** `scsi0.virtualDev = "x" must be ...`, with its line. */
  wrong(name: string, description: string): VirtError {
    const setting = this.#settings.get(name.toLowerCase());
    if (setting === undefined)
      return new VirtError("CONFIG_INVALID", `${name} is missing, and ${description}`, {
        violations: [{ field: name, description }],
      });
    return invalid(setting.line, `${setting.name} = "${setting.value}" ${description}`);
  }

  /** Whoever read the file took its bytes for UTF-8. */
  #checkEncoding(text: string): void {
    const encoding = this.text(".encoding") ?? "UTF-8";
    if (/^utf-?8$/i.test(encoding) || !text.includes("\u{fffd}")) return;
    throw this.wrong(".encoding", `must be "UTF-8": convert the file with iconv -f ${encoding} -t UTF-8`);
  }
}

export type Pair = readonly [name: string, value: string];

export function formatVmx(pairs: readonly Pair[]): string {
  return pairs.map(([name, value]) => `${name} = "${escaped(value, "|", /["|\u0000-\u001f]/g)}"\n`).join("");
}

/** Names of guests may not have the bytes that separate the parts of a path. */
export function escapedName(name: string): string {
  return escaped(name, "%", /[%/\\]/g);
}

/** @throws CONFIG_INVALID */
export function unescapedName(name: string): string {
  return unescaped(name, "%", 0);
}

function escaped(text: string, mark: string, special: RegExp): string {
  return text.replace(special, (c) => mark + c.charCodeAt(0).toString(16).padStart(2, "0"));
}

function unescaped(text: string, mark: string, line: number): string {
  const parts = text.split(mark);
  const rest = parts.slice(1).map((part) => {
    const [, hex = "", tail = ""] = /^([0-9a-f]{2})(.*)$/is.exec(part) ?? [];
    if (hex === "") throw invalid(line, `"${text}" has a ${mark} that no two hexadecimal digits follow`);
    return String.fromCharCode(Number.parseInt(hex, 16)) + tail;
  });
  return [parts[0], ...rest].join("");
}

function invalid(line: number, description: string): VirtError {
  return new VirtError("CONFIG_INVALID", `line ${line}: ${description}`, {
    violations: [{ field: `line ${line}`, description }],
    metadata: { line: String(line) },
  });
}
