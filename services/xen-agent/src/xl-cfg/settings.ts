import { invalid, type Setting, type Value } from "./setting.ts";

/** An item of a list, with the line of the list. */
export interface Item {
  readonly text: string;
  readonly line: number;
}

/** The settings of a file, each taken by whoever understands it. What nobody took is refused in the end. */
export class Settings {
  readonly #settings: ReadonlyMap<string, Setting>;
  readonly #taken = new Set<string>();

  constructor(settings: readonly Setting[]) {
    this.#settings = new Map(settings.map((setting) => [setting.key, setting]));
  }

  /** The line of a setting; 1 where it is not there. */
  line(key: string): number {
    return this.#settings.get(key)?.line ?? 1;
  }

  value(key: string): Value | undefined {
    this.#taken.add(key);
    return this.#settings.get(key)?.value;
  }

  /** undefined when it is not there, or empty. */
  string(key: string): string | undefined {
    const value = this.value(key);
    if (value === undefined || value === "") return undefined;
    if (typeof value === "object") throw invalid(this.line(key), `${key} is a list, and must be a string`);
    return String(value);
  }

  number(key: string): number | undefined {
    const value = this.value(key);
    if (value === undefined) return undefined;
    const number = typeof value === "object" || value === "" ? Number.NaN : Number(value);
    if (!Number.isSafeInteger(number)) throw invalid(this.line(key), `${key} must be a whole number`);
    return number;
  }

  flag(key: string): boolean | undefined {
    const number = this.number(key);
    return number === undefined ? undefined : number !== 0;
  }

  /** The strings of a list; one string is a list of one. */
  list(key: string): readonly Item[] {
    const value = this.value(key);
    const line = this.line(key);
    if (value === undefined) return [];
    return (typeof value === "object" ? value : [value]).map((item) => {
      if (typeof item === "object") throw invalid(line, `${key} has a list where it must have strings`);
      return { text: String(item), line };
    });
  }

  /** @throws CONFIG_INVALID naming a setting that nobody took */
  end(): void {
    for (const { key, line } of this.#settings.values())
      if (!this.#taken.has(key)) throw invalid(line, `${key} has no counterpart in libvirt's documents`);
  }
}

/** `key=value,key=value`, each taken once. */
export class Fields {
  readonly #fields = new Map<string, string>();
  readonly #item: Item;
  readonly #what: string;

  /** `what` it is: `a card`. */
  constructor(item: Item, what: string) {
    this.#item = item;
    this.#what = what;
    for (const part of item.text.split(",")) {
      const [, key, value] = /^\s*([\w-]+)=(.*)$/s.exec(part) ?? [];
      if (key === undefined) throw this.wrong(`"${part.trim()}" in ${what} is not of the form name=value`);
      this.#fields.set(key, value ?? "");
    }
  }

  get line(): number {
    return this.#item.line;
  }

  /** undefined when it is not there, or empty. */
  take(key: string): string | undefined {
    const value = this.#fields.get(key);
    this.#fields.delete(key);
    return value === "" ? undefined : value;
  }

  number(key: string): number | undefined {
    const text = this.take(key);
    if (text === undefined) return undefined;
    if (!/^\d{1,9}$/.test(text)) throw this.wrong(`${key}=${text} in ${this.#what} must be a whole number`);
    return Number(text);
  }

  end(): void {
    for (const key of this.#fields.keys())
      throw this.wrong(`${key}= in ${this.#what} has no counterpart in libvirt's documents`);
  }

  wrong(description: string) {
    return invalid(this.#item.line, description);
  }
}
