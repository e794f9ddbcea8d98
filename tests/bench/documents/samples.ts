/** A definition to read and write. */
export interface Sample {
  readonly name: string;
  readonly xml: string;
}

const HEAD = `<domain type='kvm'>
  <name>bench</name>
  <uuid>3c7f2a4e-9d0b-4f63-8a56-0d0f3b9f6b11</uuid>
  <metadata>
    <libosinfo:libosinfo xmlns:libosinfo='http://libosinfo.org/xmlns/libvirt/domain/1.0'>
      <libosinfo:os id='http://debian.org/debian/12'/>
    </libosinfo:libosinfo>
  </metadata>
  <memory unit='KiB'>4194304</memory>
  <currentMemory unit='KiB'>4194304</currentMemory>
  <vcpu placement='static'>4</vcpu>
  <os>
    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
    <boot dev='hd'/>
  </os>
  <features>
    <acpi/>
    <apic/>
    <vmport state='off'/>
  </features>
  <cpu mode='host-passthrough' check='none' migratable='on'/>
  <clock offset='utc'>
    <timer name='rtc' tickpolicy='catchup'/>
    <timer name='pit' tickpolicy='delay'/>
    <timer name='hpet' present='no'/>
  </clock>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
`;
const TAIL = `    <input type='tablet' bus='usb'>
      <address type='usb' bus='0' port='1'/>
    </input>
    <graphics type='vnc' port='-1' autoport='yes' listen='127.0.0.1'>
      <listen type='address' address='127.0.0.1'/>
    </graphics>
    <video>
      <model type='virtio' heads='1' primary='yes'/>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x01' function='0x0'/>
    </video>
  </devices>
</domain>
`;

const hex = (n: number): string => `0x${n.toString(16).padStart(2, "0")}`;

function disk(i: number): string {
  return `    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='none' io='native' discard='unmap'/>
      <source file='/var/lib/libvirt/images/bench-${i}.qcow2'/>
      <backingStore/>
      <target dev='vd${letters(i)}' bus='virtio'/>
      <serial>bench-${i}</serial>
      <address type='pci' domain='0x0000' bus='${hex(2 + i)}' slot='0x00' function='0x0'/>
    </disk>
`;
}

function nic(i: number): string {
  return `    <interface type='bridge'>
      <mac address='52:54:00:00:00:${i.toString(16).padStart(2, "0")}'/>
      <source bridge='br0'/>
      <model type='virtio'/>
      <address type='pci' domain='0x0000' bus='${hex(128 + i)}' slot='0x00' function='0x0'/>
    </interface>
`;
}

/** `a` to `z`, then `aa`. */
function letters(i: number): string {
  const last = String.fromCharCode(97 + (i % 26));
  return i < 26 ? last : letters(Math.floor(i / 26) - 1) + last;
}

function times(n: number, make: (i: number) => string): string {
  return Array.from({ length: n }, (_, i) => make(i)).join("");
}

/** A small guest, one of the 20 kB of issue trackers, and one with a hundred disks. */
export const SAMPLES: readonly Sample[] = [
  { name: "2 disks", xml: HEAD + times(2, disk) + times(1, nic) + TAIL },
  { name: "45 disks", xml: HEAD + times(45, disk) + times(8, nic) + TAIL },
  { name: "100 disks", xml: HEAD + times(100, disk) + times(8, nic) + TAIL },
];
