import type { Described, Item, Presence } from "@virtmesh/documents/schema/describe";

/** A kind of document that has a page of its own. */
export interface DocumentKind {
  /** Of the page: `network`. */
  readonly page: string;
  readonly title: string;
  /** One or two sentences. */
  readonly about: string;
  readonly root: string;
  readonly schema: Described;
}

interface Section {
  /** `/network/ip`. */
  readonly path: string;
  readonly schema: Described;
}

/**
 * The reference page of a kind of document, from what its schema says of itself. Documents inside of it that have pages of
 * their own are linked to.
 */
export function referencePage(kind: DocumentKind, others: readonly DocumentKind[] = []): string {
  const elsewhere = others
    .filter((other) => other !== kind)
    .map(({ schema, page }) => [schema, page] as const);
  const page = new Page(new Map(elsewhere));
  page.need(kind.schema, `/${kind.root}`);
  const lines = [
    `# ${kind.title}`,
    "",
    "Generated from the schemas in `packages/documents` by `npm run generate`; do not edit.",
    "",
    kind.about,
    "",
    "`@name` is an attribute, `<name>` an element, in the order in which they are written; they are read in any order.",
    "",
  ];
  // Sections ask for further sections while they are written.
  for (let section = page.next(); section !== undefined; section = page.next()) {
    lines.push(...page.section(section));
  }
  return `${lines.join("\n").trimEnd()}\n`;
}

class Page {
  readonly #anchors = new Map<Described, string>();
  readonly #queue: Section[] = [];
  readonly #elsewhere: ReadonlyMap<Described, string>;

  constructor(elsewhere: ReadonlyMap<Described, string>) {
    this.#elsewhere = elsewhere;
  }

  /** The anchor of the section about a schema, which is written once however often it is used. */
  need(schema: Described, path: string): string {
    const known = this.#anchors.get(schema);
    if (known !== undefined) return known;
    const anchor = path
      .slice(1)
      .replaceAll(/[^\w-]+/g, "-")
      .toLowerCase();
    this.#anchors.set(schema, anchor);
    this.#queue.push({ path, schema });
    return anchor;
  }

  next(): Section | undefined {
    return this.#queue.shift();
  }

  section({ path, schema }: Section): readonly string[] {
    const items = schema.describe();
    const lines = [`<a id="${this.#anchors.get(schema) ?? ""}"></a>`, "", `## ${path}`, ""];
    const common = items.filter((item) => item.kind !== "choice");
    const choices = items.filter((item) => item.kind === "choice");
    const shared = new Map(choices.map((choice) => [choice, sharedItems(choice.variants)]));
    const rows = [
      ...common.flatMap((item) => this.#row(item, path)),
      ...choices.flatMap((choice) => [
        row(`\`@${choice.attribute}\``, choice.variants.map(({ name }) => name).join(", "), choice.presence),
        ...(shared.get(choice) ?? []).flatMap((item) => this.#row(item, path)),
      ]),
    ];
    if (rows.length > 0) lines.push(...HEAD, ...rows, "");
    else lines.push("It is there or not.", "");
    for (const choice of choices) {
      const everywhere = new Set((shared.get(choice) ?? []).map(keyOf));
      for (const variant of choice.variants) {
        const own = variant.items.filter((item) => !everywhere.has(keyOf(item)));
        if (own.length === 0) continue;
        lines.push(`With \`${choice.attribute}="${variant.name}"\`:`, "", ...HEAD);
        const inVariant = `${path}[${choice.attribute}=${variant.name}]`;
        lines.push(...own.flatMap((item) => this.#row(item, inVariant)), "");
      }
    }
    return lines;
  }

  #row(item: Item, path: string): readonly string[] {
    switch (item.kind) {
      case "attribute":
        return [row(`\`@${item.name}\``, item.allowed, item.presence)];
      case "text":
        return [row("text", item.allowed, item.presence)];
      case "kept":
        return [row(`\`<${item.name}>\``, "anything; it is kept as it is", item.presence)];
      case "choice":
        return [
          row(`\`@${item.attribute}\``, item.variants.map(({ name }) => name).join(", "), item.presence),
        ];
      case "element":
        return [this.#elementRow(item, path)];
      case "alternatives": {
        const links = item.elements.map((one) => this.#link(one.name, one.schema, path));
        return [row(links.join(", "), "one of these elements", item.presence)];
      }
    }
  }

  #elementRow(item: Extract<Item, { readonly kind: "element" }>, path: string): string {
    const how = item.many ? ", any number" : "";
    const items = item.schema.describe();
    const [only, ...others] = items;
    if (only === undefined) return row(`\`<${item.name}/>\``, `there or not${how}`, item.presence);
    if (others.length === 0 && only.kind === "text")
      return row(`\`<${item.name}>\``, `${only.allowed}${how}`, item.presence);
    if (others.length === 0 && only.kind === "attribute")
      return row(`\`<${item.name} ${only.name}>\``, `${only.allowed}${how}`, item.presence);
    return row(this.#link(item.name, item.schema, path), `an element${how}`, item.presence);
  }

  #link(name: string, schema: Described, path: string): string {
    const page = this.#elsewhere.get(schema);
    const target = page === undefined ? `#${this.need(schema, `${path}/${name}`)}` : `${page}.md`;
    return `[\`<${name}>\`](${target})`;
  }
}

const HEAD = ["| | allowed | when it is not there |", "| --- | --- | --- |"];

function row(what: string, allowed: string, presence: Presence): string {
  return `| ${what} | ${escaped(allowed)} | ${absence(presence)} |`;
}

function absence(presence: Presence): string {
  if (presence.is === "required") return "refused";
  if (presence.is === "optional") return "";
  return presence.value === "" ? "taken as empty" : `\`${escaped(presence.value)}\``;
}

function escaped(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;").replaceAll("`", "'");
}

type Variants = Extract<Item, { readonly kind: "choice" }>["variants"];

/** What every variant has alike: it is told once. */
function sharedItems(variants: Variants): readonly Item[] {
  const [first, ...others] = variants;
  if (first === undefined || others.length === 0) return [];
  const keys = others.map((variant) => new Set(variant.items.map(keyOf)));
  return first.items.filter((item) => keys.every((known) => known.has(keyOf(item))));
}

const numbers = new WeakMap<Described, number>();
let seen = 0;

/** Two items with one key say the same; elements are the same when they are of one schema. */
function keyOf(item: Item): string {
  if (item.kind !== "element")
    return JSON.stringify(item, (key, value: unknown) => (key === "texts" ? undefined : value));
  const { schema, ...rest } = item;
  const number = numbers.get(schema) ?? seen++;
  numbers.set(schema, number);
  return JSON.stringify({ ...rest, number });
}
