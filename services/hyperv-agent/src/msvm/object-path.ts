/** Settings name each other by the id in a path: `\\HOST\root\virtualization\v2:Msvm_X.InstanceID="Microsoft:A\\B"`. */
export function settingPath(server: string, className: string, instanceId: string): string {
  return `\\\\${server}\\root\\virtualization\\v2:${className}.InstanceID="${escaped(instanceId)}"`;
}

export function switchPath(server: string, name: string): string {
  return `\\\\${server}\\root\\virtualization\\v2:Msvm_VirtualEthernetSwitch.CreationClassName="Msvm_VirtualEthernetSwitch",Name="${escaped(name)}"`;
}

/** A key out of a path; undefined for what is no path or has no such key. */
export function keyInPath(path: string, key: string): string | undefined {
  const found = new RegExp(`[.,]${key}="((?:[^"\\\\]|\\\\.)*)"`, "i").exec(path)?.[1];
  return found?.replace(/\\(["\\])/g, "$1");
}

function escaped(value: string): string {
  return value.replace(/["\\]/g, "\\$&");
}

/** Ids are compared without their case: some hosts write the same GUID in both. */
export function sameId(a: string | undefined, b: string | undefined): boolean {
  return a !== undefined && b !== undefined && a.toUpperCase() === b.toUpperCase();
}

/** `Microsoft:GUID\...`: the GUID of the system or snapshot that a setting belongs to; undefined for templates. */
export function ownerOf(instanceId: string | undefined): string | undefined {
  return /^Microsoft:([0-9A-F-]{36})(?:\\|$)/i.exec(instanceId ?? "")?.[1]?.toUpperCase();
}
