import type { Json, JsonValue, Options } from "./arguments.ts";
import { optionList } from "./arguments.ts";

/** A character device as `chardev-add` takes it (qapi/char.json). */
export interface ChardevSpec {
  readonly id: string;
  readonly backend: { readonly type: string; readonly data: Json };
}

/** Members that -chardev has by another name. */
const RENAMED: Readonly<Record<string, string>> = {
  "file.out": "path",
  "serial.device": "path",
  "parallel.device": "path",
  "pipe.device": "path",
  "spicevmc.type": "name",
  "spiceport.fqdn": "name",
  "udp.local.host": "localaddr",
  "udp.local.port": "localport",
  "socket.addr.str": "fd",
};

/** The same for -chardev, which knows no JSON: the members of addresses stand on the level of the rest. */
export function chardevOption({ id, backend }: ChardevSpec): string {
  const { type, data } = backend;
  const pairs: [string, JsonValue][] = [["id", id]];
  for (const [name, value] of Object.entries(data)) {
    if (typeof value !== "object" || value === null) {
      pairs.push([RENAMED[`${type}.${name}`] ?? name, value]);
      continue;
    }
    const { data: members } = value as { readonly data: Json };
    for (const [member, inner] of Object.entries(members)) {
      pairs.push([RENAMED[`${type}.${name}.${member}`] ?? member, inner]);
    }
  }
  return optionList(type, Object.fromEntries(pairs) as Options);
}
