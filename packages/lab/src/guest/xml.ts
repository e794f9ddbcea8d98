import type { GuestImage } from "./build.ts";

export interface TestGuestDisk {
  readonly path: string;
  /** Default raw. */
  readonly format?: "raw" | "qcow2";
  readonly readonly?: boolean;
  readonly shareable?: boolean;
}

export interface TestGuestWriter {
  /** Name in the guest: `vda`. */
  readonly disk: string;
  /** A multiple of 4096; default 65536. */
  readonly blockBytes?: number;
  /** Pause between two writes in microseconds; default 5000. */
  readonly periodUs?: number;
  /** Written round and round; default the whole disk. */
  readonly spanBytes?: number;
}

export interface TestGuestHeartbeat {
  /** UNIX socket on the host. */
  readonly socket: string;
  /** Who listens: `connect`, the collector does (the default), or `bind`, the hypervisor does. */
  readonly mode?: "connect" | "bind";
  /** Default 5000. */
  readonly periodUs?: number;
}

export interface TestGuest {
  readonly name: string;
  readonly uuid?: string;
  readonly image: GuestImage;
  /** Default 128, the least it was seen to boot with is 112. */
  readonly memoryMiB?: number;
  readonly vcpus?: number;
  /** Default `qemu`: by emulation, which works everywhere. */
  readonly type?: "kvm" | "qemu";
  /** Default `q35`. */
  readonly machine?: string;
  /** `vda`, `vdb`, ... in this order. */
  readonly disks?: readonly TestGuestDisk[];
  readonly heartbeat?: TestGuestHeartbeat;
  readonly writers?: readonly TestGuestWriter[];
  /** Pages that count and check themselves. */
  readonly memoryCounter?: { readonly mib: number; readonly periodUs: number };
  /** More words for the worker: `guest.poweroff=5`, `guest.panic=1`, `guest.deaf`, ... */
  readonly words?: readonly string[];
  /** File the serial console writes to; default a pseudo terminal, which a client can open. */
  readonly serialFile?: string;
  /** More elements of `<devices>`, as XML. */
  readonly devices?: string;
}

/** Kernel command line of a test guest; worker.c says what the words mean. */
export function testGuestCommandLine(guest: Omit<TestGuest, "name" | "image">): string {
  const beat = guest.heartbeat === undefined ? [] : [`guest.heartbeat=${guest.heartbeat.periodUs ?? 5000}`];
  const writers = (guest.writers ?? []).map((w) => {
    const span = w.spanBytes === undefined ? "" : `:${w.spanBytes}`;
    return `guest.write=${w.disk}:${w.blockBytes ?? 65536}:${w.periodUs ?? 5000}${span}`;
  });
  const memory =
    guest.memoryCounter === undefined
      ? []
      : [`guest.memory=${guest.memoryCounter.mib}:${guest.memoryCounter.periodUs}`];
  return ["console=ttyS0", "quiet", ...beat, ...writers, ...memory, ...(guest.words ?? [])].join(" ");
}

/**
 * libvirt XML of a test guest. It has come up when its first heartbeat arrives, or when its serial
 * console says `GUEST-READY`.
 */
export function testGuestXml(guest: TestGuest): string {
  const uuid = guest.uuid === undefined ? "" : `\n  <uuid>${guest.uuid}</uuid>`;
  return `<domain type="${guest.type ?? "qemu"}">
  <name>${escape(guest.name)}</name>${uuid}
  <memory unit="MiB">${guest.memoryMiB ?? 128}</memory>
  <vcpu>${guest.vcpus ?? 1}</vcpu>
  <os>
    <type arch="x86_64" machine="${guest.machine ?? "q35"}">hvm</type>
    <kernel>${escape(guest.image.kernel)}</kernel>
    <initrd>${escape(guest.image.initrd)}</initrd>
    <cmdline>${escape(testGuestCommandLine(guest))}</cmdline>
  </os>
  <features>
    <acpi/>
  </features>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
${[...(guest.disks ?? []).map(diskXml), serialXml(guest), channelXml(guest.heartbeat), guest.devices ?? ""].filter((x) => x !== "").join("\n")}
  </devices>
</domain>
`;
}

function diskXml(disk: TestGuestDisk, index: number): string {
  const flags = `${disk.readonly === true ? "\n      <readonly/>" : ""}${disk.shareable === true ? "\n      <shareable/>" : ""}`;
  return `    <disk type="file" device="disk">
      <driver name="qemu" type="${disk.format ?? "raw"}" cache="none" io="threads"/>
      <source file="${escape(disk.path)}"/>
      <target dev="vd${String.fromCharCode(97 + index)}" bus="virtio"/>${flags}
    </disk>`;
}

function serialXml(guest: TestGuest): string {
  if (guest.serialFile === undefined) {
    return `    <serial type="pty">
      <target port="0"/>
    </serial>`;
  }
  return `    <serial type="file">
      <source path="${escape(guest.serialFile)}"/>
      <target port="0"/>
    </serial>`;
}

function channelXml(heartbeat: TestGuestHeartbeat | undefined): string {
  if (heartbeat === undefined) return "";
  return `    <channel type="unix">
      <source mode="${heartbeat.mode ?? "connect"}" path="${escape(heartbeat.socket)}"/>
      <target type="virtio" name="hb.0"/>
    </channel>`;
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}
