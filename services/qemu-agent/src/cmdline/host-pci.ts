import type { Json } from "./arguments.ts";

/** `0000:3b:00.1`. */
export function hostPciAddress(address: {
  readonly domain?: number;
  readonly bus?: number;
  readonly slot?: number;
  readonly function?: number;
}): string {
  const hex = (n: number | undefined, width: number) => (n ?? 0).toString(16).padStart(width, "0");
  return `${hex(address.domain, 4)}:${hex(address.bus, 2)}:${hex(address.slot, 2)}.${address.function ?? 0}`;
}

/** The firmware that a PCI card brings. */
export function pciRom({
  rom,
}: {
  readonly rom?: { readonly enabled?: boolean; readonly bar?: boolean; readonly file?: string };
}): Json {
  return {
    romfile: rom?.enabled === false ? "" : rom?.file,
    rombar: rom?.bar === undefined ? undefined : rom.bar ? 1 : 0,
  };
}
