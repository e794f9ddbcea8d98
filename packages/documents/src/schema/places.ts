import type { XmlElement } from "../xml/tree.ts";

const places = new WeakMap<object, XmlElement>();

/** Notes where a value was read, for those who find out later what is wrong with it. */
export function notePlace(value: unknown, element: XmlElement): void {
  if (typeof value === "object" && value !== null) places.set(value, element);
}

/** The element that a value was read from; undefined for one that was made. */
export function placeOf(value: object): XmlElement | undefined {
  return places.get(value);
}
