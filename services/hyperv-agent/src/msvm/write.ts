import { type CimProperty, writeCimXml } from "../wsman/cim-xml.ts";
import type { Value } from "../wsman/values.ts";
import { CLASSES, METHODS } from "./gen/schema.ts";
import type { ClassName, Input, MethodClass, MethodName, Msvm } from "./types.ts";

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
