import { VirtError } from "@virtmesh/core/errors";
import { type CimProperty, writeCimXml } from "../wsman/cim-xml.ts";
import type { Reference, Value } from "../wsman/values.ts";
import { CLASSES, METHODS, WRITABLE } from "./gen/schema.ts";
import type { Changes, ClassName, Input, MethodClass, MethodName, Msvm, WritableClass } from "./types.ts";

/** An instance as the text of a parameter. Only what is given goes out: the rest stays as it is, or gets its default. */
export function embedded<C extends ClassName>(className: C, properties: Msvm<C>): string {
  const fields: Readonly<Record<string, string>> = CLASSES[className];
  const given = Object.entries(properties as Readonly<Record<string, unknown>>).filter(
    ([, value]) => value !== undefined,
  );
  return writeCimXml(
    className,
    given.map(([name, value]): CimProperty => {
      const type = (fields[name] ?? "string").replace("[]", "");
      return { name, type, value: Array.isArray(value) ? value.map(String) : String(value) };
    }),
  );
}

/** The parameters of a call, in the order of its signature. */
export function inputOf<C extends MethodClass, M extends MethodName<C>>(
  className: C,
  method: M,
  input: Input<C, M>,
): Readonly<Record<string, Value>> {
  const signatures: Readonly<Record<string, { readonly in: Readonly<Record<string, string>> }>> =
    METHODS[className];
  const given = input as Readonly<Record<string, Value>>;
  return Object.fromEntries(
    Object.keys(signatures[method]?.in ?? {}).map((name) => [name, given[name]] as const),
  );
}

/** What Put sends of an instance: its keys and what changes, in the order of its class. @throws VirtError for what cannot be written */
export function representationOf<C extends WritableClass>(
  className: C,
  { selectors }: Reference,
  changes: Changes<C>,
): Readonly<Record<string, Value>> {
  const writable: readonly string[] = WRITABLE[className];
  const refused = Object.keys(changes).find((name) => !writable.includes(name));
  if (refused !== undefined)
    throw new VirtError(
      "CONFIG_UNSUPPORTED",
      `${className}.${refused} ${Object.hasOwn(CLASSES[className], refused) ? "is read-only" : "does not exist"}: what can be written is ${writable.join(", ")}`,
    );
  const given: Readonly<Record<string, Value>> = { ...selectors, ...changes };
  return Object.fromEntries(
    Object.keys(CLASSES[className])
      .filter((name) => given[name] !== undefined)
      .map((name) => [name, given[name]] as const),
  );
}
