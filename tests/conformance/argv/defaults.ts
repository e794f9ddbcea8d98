import type { Properties } from "./options.ts";

/** What QEMU does anyway when the property is left out: by option, kind (driver, type) and property. */
const DEFAULTS: readonly (readonly [option: string, kind: RegExp, property: string, value: string])[] = [
  ["-device", /./, "bootindex", "-1"],
  ["-device", /./, "multifunction", "off"],
  ["-device", /./, "rombar", "1"],
  ["-device", /^(?:virtio-blk|scsi-hd|scsi-cd|ide-|usb-storage|vhost-user-blk|floppy)/, "write-cache", "on"],
  ["-device", /^(?:virtio-blk|scsi-|ide-|usb-storage)/, "share-rw", "off"],
  ["-device", /^usb-storage$/, "removable", "off"],
  ["-device", /^scsi-/, "channel", "0"],
  ["-device", /^virtio-(?:vga|gpu)|^vhost-user-(?:vga|gpu)|^qxl/, "max_outputs", "1"],
  ["-device", /^(?:VGA|qxl|vmware-svga)/, "vgamem_mb", "16"],
  ["-device", /^floppy$/, "unit", "0"],
  ["-device", /^qxl/, "vram64_size_mb", "0"],
  ["-blockdev", /^gluster$/, "debug", "4"],
  ["-device", /^hda-/, "cad", "0"],
  ["-blockdev", /./, "read-only", "off"],
  ["-blockdev", /./, "discard", "ignore"],
  ["-blockdev", /./, "detect-zeroes", "off"],
  ["-blockdev", /./, "cache.direct", "off"],
  ["-blockdev", /./, "cache.no-flush", "off"],
  ["-blockdev", /^(?:file|host_device|host_cdrom)$/, "aio", "threads"],
  // Nothing behind the image; without it QEMU looks into the image, which says the same.
  ["-blockdev", /./, "backing", "null"],
  ["-netdev", /^tap$/, "vhost", "off"],
  ["-netdev", /^vhost-user$/, "queues", "1"],
  ["-chardev", /^socket$/, "wait", "on"],
  ["-chardev", /^socket$/, "server", "off"],
  ["-chardev", /^file$/, "append", "off"],
  ["-chardev", /^udp$/, "localaddr", ""],
  ["-chardev", /^udp$/, "localport", "0"],
  ["-chardev", /./, "logappend", "off"],
  ["-object", /^secret$/, "format", "raw"],
  ["-object", /^memory-backend-/, "prealloc", "off"],
  ["-object", /^memory-backend-ram$/, "share", "off"],
  ["-object", /^tls-creds-x509$/, "verify-peer", "on"],
];

/** Whether that property says nothing new. */
export function isDefault(option: string, properties: Properties, name: string, value: string): boolean {
  const kind =
    properties.get("driver") ??
    properties.get("type") ??
    properties.get("backend") ??
    properties.get("qom-type") ??
    "";
  return DEFAULTS.some(
    ([o, pattern, p, v]) => o === option && p === name && v === value && pattern.test(kind),
  );
}
