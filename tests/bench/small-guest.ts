/** Memory of the guests that are started by the dozen. */
export const SMALL_MIB = 32;

/** A definition as fleets have them, with a disk, a network card and a serial port; never started here. */
export function definedGuest(name: string): string {
  return `<domain type="qemu">
  <name>${name}</name>
  <memory unit="MiB">128</memory>
  <vcpu>1</vcpu>
  <os><type arch="x86_64" machine="q35">hvm</type></os>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type="file" device="disk">
      <driver name="qemu" type="raw"/>
      <source file="/var/lib/images/${name}.img"/>
      <target dev="vda" bus="virtio"/>
    </disk>
    <interface type="user"><model type="virtio"/></interface>
    <serial type="pty"/>
  </devices>
</domain>`;
}

/** A guest with next to nothing, to start: its hypervisor is what is measured. */
export function smallGuest(name: string): string {
  return `<domain type="qemu">
  <name>${name}</name>
  <memory unit="MiB">${SMALL_MIB}</memory>
  <vcpu>1</vcpu>
  <os><type arch="x86_64" machine="q35">hvm</type></os>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type="usb" model="none"/>
    <memballoon model="none"/>
  </devices>
</domain>`;
}

/** The same guest for QEMU itself. */
export function smallGuestArguments(name: string): readonly string[] {
  return ["-name", name, "-machine", "q35,accel=tcg", "-m", String(SMALL_MIB)];
}
