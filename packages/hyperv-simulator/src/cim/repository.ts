import { findClass, isA, needClass } from "../schema/classes.ts";
import { identity, referenceTo } from "./path.ts";
import { type Instance, isReference, type Reference, type Value } from "./value.ts";

export type Change =
  | { readonly kind: "created"; readonly target: Instance }
  | { readonly kind: "modified"; readonly previous: Instance; readonly target: Instance }
  | { readonly kind: "deleted"; readonly target: Instance };

/** Gives an instance the values that change by themselves, such as how long a guest has been up. */
export type Present = (instance: Instance) => Instance;

/** Every instance there is, associations too; it tells its listeners what changes. */
export class Repository {
  readonly #instances = new Map<string, Instance>();
  /** Identities by class, and of associations by their ends. */
  readonly #byClass = new Map<string, Set<string>>();
  readonly #byEnd = new Map<string, Set<string>>();
  readonly #listeners = new Set<(change: Change) => void>();
  readonly #present: Present;

  constructor(present: Present = (instance) => instance) {
    this.#present = present;
  }

  /** Checks that the schema has all of it: what the simulator makes is held to it too. */
  add(className: string, values: Readonly<Record<string, Value>>): Reference {
    const cimClass = needClass(className);
    checkProperties(className, values);
    const instance = { className, values: { ...defaultsOf(cimClass.defaults), ...values } };
    const path = referenceTo(instance);
    const id = identity(path);
    this.#instances.set(id, instance);
    for (const [index, key] of this.#places(instance)) {
      const ids = index.get(key) ?? new Set();
      index.set(key, ids.add(id));
    }
    this.#tell({ kind: "created", target: this.#present(instance) });
    return path;
  }

  update(path: Reference, changes: Readonly<Record<string, Value>>): void {
    const id = identity(path);
    const previous = this.#instances.get(id);
    if (previous === undefined) return;
    checkProperties(previous.className, changes);
    const target = { ...previous, values: { ...previous.values, ...changes } };
    this.#instances.set(id, target);
    this.#tell({ kind: "modified", previous: this.#present(previous), target: this.#present(target) });
  }

  /** Removes an instance and the associations that point to it. */
  remove(path: Reference): void {
    const id = identity(path);
    const target = this.#instances.get(id);
    if (target === undefined) return;
    for (const association of this.associationsOf(path)) this.remove(referenceTo(association));
    this.#instances.delete(id);
    for (const [index, key] of this.#places(target)) index.get(key)?.delete(id);
    this.#tell({ kind: "deleted", target: this.#present(target) });
  }

  get(path: Reference): Instance | undefined {
    const found = this.#instances.get(identity(path));
    return found === undefined ? undefined : this.#present(found);
  }

  /** Instances of a class and of what derives from it. */
  all(className: string): readonly Instance[] {
    const classes = [...this.#byClass.keys()].filter((name) => isA(needClass(name), className));
    return classes.flatMap((name) => this.#found(this.#byClass.get(name))).map(this.#present);
  }

  /** Associations one end of which is this instance. */
  associationsOf(path: Reference): readonly Instance[] {
    return this.#found(this.#byEnd.get(identity(path)));
  }

  #found(ids: ReadonlySet<string> = new Set()): readonly Instance[] {
    return [...ids].flatMap((id) => this.#instances.get(id) ?? []);
  }

  #places(instance: Instance): readonly (readonly [Map<string, Set<string>>, string])[] {
    const ends = endsOf(instance).map(([, end]) => [this.#byEnd, identity(end)] as const);
    return [[this.#byClass, instance.className], ...ends];
  }

  onChange(listener: (change: Change) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }

  #tell(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }
}

export function isInstanceOf(instance: Instance, className: string): boolean {
  const cimClass = findClass(instance.className);
  return cimClass !== undefined && isA(cimClass, className);
}

/** The references of an association by the names of its ends. */
export function endsOf(instance: Instance): readonly (readonly [string, Reference])[] {
  return Object.entries(instance.values).flatMap(([name, value]) =>
    isReference(value) ? [[name, value] as const] : [],
  );
}

function checkProperties(className: string, values: Readonly<Record<string, Value>>): void {
  const { properties } = needClass(className);
  const unknown = Object.keys(values).find((name) => !properties.has(name));
  if (unknown !== undefined) throw new Error(`Microsoft's reference has no ${className}.${unknown}`);
}

function defaultsOf(defaults: Readonly<Record<string, string>>): Readonly<Record<string, Value>> {
  return Object.fromEntries(
    Object.entries(defaults).flatMap(([name, written]) => {
      const value = parseDefault(written);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

function parseDefault(written: string): Value | undefined {
  const array = /^\{(.*)\}$/.exec(written.trim())?.[1];
  if (array !== undefined) {
    const items = array.split(",").map((item) => parseDefault(item));
    return items.filter((item) => item !== undefined && item !== null && !Array.isArray(item)) as Value;
  }
  const text = written.trim();
  if (/^".*"$/.test(text)) return text.slice(1, -1);
  if (/^-?\d+$/.test(text)) return Number(text);
  if (/^(true|false)$/i.test(text)) return text.toLowerCase() === "true";
  return undefined;
}
