import { VirtError } from "@virtmesh/core/errors";
import type { Position, XmlElement } from "./tree.ts";
import { elementsOf } from "./tree.ts";

/** Where a path such as `/domain/devices/disk[2]/target/@dev` leads, or the last of it that is there. */
export function locate(root: XmlElement, path: string): Position {
  let here = root;
  for (const step of path.split("/").slice(2)) {
    if (step.startsWith("@")) return here.attributes.find((a) => a.name === step.slice(1)) ?? here;
    const [, name, number = "1"] = /^([^[]*)(?:\[(\d+)\])?$/.exec(step) ?? [];
    const next = elementsOf(here).filter((child) => child.name === name)[Number(number) - 1];
    if (next === undefined) return here;
    here = next;
  }
  return here;
}

/** Does something with what was read of a document; a refusal that only knows the path then knows line and column. */
export function atPlacesOf<T>(root: XmlElement, action: () => T): T {
  try {
    return action();
  } catch (e) {
    if (!VirtError.is(e)) throw e;
    const path = e.context.metadata?.["path"];
    if (path === undefined || e.context.metadata?.["line"] !== undefined) throw e;
    const { line, column } = locate(root, path);
    const place = `${path} (line ${line}, column ${column})`;
    throw new VirtError(e.reason, e.message.replace(path, place), {
      ...e.context,
      metadata: { ...e.context.metadata, line: String(line), column: String(column) },
      violations: (e.context.violations ?? []).map((v) => (v.field === path ? { ...v, field: place } : v)),
    });
  }
}
