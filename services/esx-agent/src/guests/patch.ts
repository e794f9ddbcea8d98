import { childOf, type VimNode } from "../vim/node.ts";

/** Properties of one object by path. */
export type Properties = ReadonlyMap<string, VimNode>;

/**
 * The properties with one change in them. Servers tell a property that is watched, or a part of one by its longer path
 * (`runtime.powerState` for whoever watches `runtime`).
 */
export function patched(properties: Properties, path: string, value: VimNode | undefined): Properties {
  const next = new Map(properties);
  const owner = [...properties.keys()].find((watched) => path.startsWith(`${watched}.`));
  const whole = owner === undefined ? undefined : properties.get(owner);
  if (owner !== undefined && whole !== undefined)
    next.set(owner, withPart(whole, path.slice(owner.length + 1).split("."), value));
  else if (value === undefined) next.delete(path);
  else next.set(path, value);
  return next;
}

function withPart(node: VimNode, path: readonly string[], value: VimNode | undefined): VimNode {
  const [name = "", ...rest] = path;
  const others = node.children.filter((child) => child.name !== name);
  if (rest.length === 0) {
    const part = value === undefined ? [] : [{ ...value, name }];
    return { ...node, children: [...others, ...part] };
  }
  const inner = childOf(node, name);
  return inner === undefined ? node : { ...node, children: [...others, withPart(inner, rest, value)] };
}
