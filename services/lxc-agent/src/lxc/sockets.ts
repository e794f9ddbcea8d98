/** sun_path of unix(7) without the zero that an abstract name begins with. */
const MAX_NAME = 107;
const FNV_BASIS = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;

/** FNV-1a of 64 bits, by which liblxc shortens names. */
export function fnv1a(bytes: Uint8Array): bigint {
  let hash = FNV_BASIS;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * FNV_PRIME);
  return hash;
}

/** Where lxc-monitord tells what happens to the containers below a path: an abstract name. */
export function monitorSocket(lxcPath: string): string {
  const hash = fnv1a(Buffer.from(`lxc/${lxcPath}/monitor-sock`))
    .toString(16)
    .padStart(16, "0");
  return `\0lxc/${hash}/${lxcPath}`;
}

/** Where a running container is asked; its monitor holds it open as long as it lives. */
export function commandSocket(lxcPath: string, container: string): string {
  return `\0${lxcPath}/${container}/command`;
}

/** By how many bytes a path is too long for both; liblxc hashes longer names, which nobody can read. */
export function excessOf(lxcPath: string, longestContainer: number): number {
  const monitor = Buffer.byteLength(`lxc/0123456789abcdef/${lxcPath}`);
  const command = Buffer.byteLength(lxcPath) + 1 + longestContainer + "/command".length;
  return Math.max(0, Math.max(monitor, command) - MAX_NAME);
}
