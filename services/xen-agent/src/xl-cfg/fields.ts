import { unsupported } from "./setting.ts";

/** `key=value,key=value` of what is there. `path` is the device's. @throws CONFIG_UNSUPPORTED for a value with a comma */
export function joinFields(
  fields: readonly (readonly [key: string, value: string | number | bigint | undefined])[],
  path: string,
): string {
  return fields
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => {
      const text = String(value);
      if (text.includes(","))
        throw unsupported(`"${text}" has a comma, which parts settings of a device`, path);
      return `${key}=${text}`;
    })
    .join(",");
}
