import type { Json } from "./arguments.ts";
import type { Runtime } from "./runtime.ts";

/** QEMU reads a secret from a file that only it can read: arguments can be read by everybody on the host. */
export function secretObject({ directory }: Pick<Runtime, "directory">, id: string): Json {
  return { "qom-type": "secret", id, format: "base64", file: `${directory}/secrets/${id}` };
}
