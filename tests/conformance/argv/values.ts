/** Stands for what the host hands over: a descriptor has no name to compare. */
export const HANDED = "<handed>";

/** Stands for how a file is opened that the host has opened itself. */
export const EITHER = "<either>";

/**
 * Where the manager of the host keeps what is its own: sockets, memory files, TPM state. What it calls the files there
 * is its own affair too.
 */
const PRIVATE = [
  /(?<=^|^unix:)\/.*\/domain--?\d+-[^/]+\/.*$/,
  /^\/.*\/libvirt\/qemu\/run\/passt\/.*$/,
  /(?:libvirt\/qemu\/)?(?:ram\/)?(?<=\/)(?:-?\d+-[^/]+|virtmesh\/[^/]+)(?:\/.*)?$/,
  /^\/var\/lib\/libvirt\/qemu\/(?:channel\/target\/|nvram\/)?[^/]*$/,
  /(?<=^|^unix:)\/run\/guest\/.*$/,
];

const HANDED_PROPERTY = /(?:^|\.)(?:fd|vhostfd|fd\.str)$/;

/** A value in its one form: numbers in decimal, switches as on and off, without the host's private names. */
export function normaliseValue(name: string, value: string): string {
  if (HANDED_PROPERTY.test(name) || /^\/dev\/fdset\/\d+$/.test(value)) return HANDED;
  if (name === "addr" && /^(?:0x)?[0-9a-f]+(?:\.(?:0x)?[0-9a-f]+)?$/i.test(value)) return pciAddress(value);
  if (/^0x[0-9a-f]+$/i.test(value)) return BigInt(value).toString();
  if (value === "yes" || value === "true") return "on";
  if (value === "no" || value === "false") return "off";
  return PRIVATE.reduce((text, pattern) => text.replace(pattern, "<private>"), value);
}

function pciAddress(text: string): string {
  const [slot = "0", fn = "0"] = text
    .split(".")
    .map((part) => Number.parseInt(part.replace(/^0x/i, ""), 16).toString());
  return fn === "0" ? slot : `${slot}.${fn}`;
}

/** Whether two values mean the same. */
export function sameValue(a: string | undefined, b: string | undefined): boolean {
  if (a === b || a === EITHER || b === EITHER) return true;
  return a !== undefined && b !== undefined && (a === HANDED || b === HANDED);
}
