/** The least that is a guest. */
export function minimalGuest(): string {
  return `<domain type='qemu'>
  <name>least</name>
  <memory unit='MiB'>32</memory>
  <os><type>hvm</type></os>
</domain>`;
}

/** A bit of everything on q35, with images in that directory. */
export function wideGuest(directory: string): string {
  return `<domain type='qemu'>
  <name>wide, with a comma</name>
  <uuid>3c7f2a4e-9d0b-4f63-8a56-0d0f3b9f6b11</uuid>
  <memory unit='MiB'>64</memory>
  <currentMemory unit='MiB'>48</currentMemory>
  <vcpu current='2'>4</vcpu>
  <iothreads>1</iothreads>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <loader readonly='yes' type='pflash'>${directory}/code.fd</loader>
    <nvram>${directory}/vars.fd</nvram>
    <bootmenu enable='yes' timeout='100'/>
  </os>
  <features><acpi/><apic/><vmport state='off'/><smm state='on'/></features>
  <cpu mode='custom'>
    <model>Nehalem</model>
    <topology sockets='1' cores='2' threads='2'/>
    <feature policy='disable' name='vme'/>
  </cpu>
  <clock offset='variable' adjustment='3600'>
    <timer name='rtc' tickpolicy='catchup' track='guest'/>
    <timer name='pit' tickpolicy='delay'/>
    <timer name='hpet' present='no'/>
  </clock>
  <on_reboot>destroy</on_reboot>
  <on_crash>preserve</on_crash>
  <pm><suspend-to-mem enabled='no'/><suspend-to-disk enabled='no'/></pm>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='none' discard='unmap' detect_zeroes='unmap' iothread='1' queues='2' error_policy='stop'/>
      <source file='${directory}/a,b.qcow2'/>
      <target dev='vda' bus='virtio'/>
      <serial>S-1</serial>
      <boot order='1'/>
      <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
    </disk>
    <disk type='file' device='disk'>
      <driver type='raw' error_policy='enospace'/>
      <source file='${directory}/b.img'/>
      <target dev='sda' bus='scsi' rotation_rate='1'/>
      <shareable/>
      <wwn>5000c50015ea71ad</wwn>
      <vendor>VIRTMESH</vendor>
      <product>DISK</product>
    </disk>
    <disk type='file' device='disk'>
      <driver type='raw' cache='writethrough' io='threads'/>
      <source file='${directory}/c.img'/>
      <target dev='sdb' bus='sata'/>
    </disk>
    <disk type='file' device='cdrom'><target dev='sdc' bus='sata'/><readonly/></disk>
    <disk type='file' device='disk'>
      <driver type='raw'/>
      <source file='${directory}/d.img'/>
      <target dev='sdd' bus='usb' removable='on'/>
    </disk>
    <controller type='pci' index='0' model='pcie-root'/>
    <controller type='pci' index='1' model='pcie-root-port'>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x02' function='0x0' multifunction='on'/>
    </controller>
    <controller type='pci' index='2' model='pcie-root-port'>
      <target chassis='2' port='0x11'/>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x02' function='0x1'/>
    </controller>
    <controller type='pci' index='3' model='pcie-to-pci-bridge'>
      <address type='pci' domain='0x0000' bus='0x02' slot='0x00' function='0x0'/>
    </controller>
    <controller type='scsi' index='0' model='virtio-scsi'><driver queues='2'/></controller>
    <interface type='user'>
      <mac address='52:54:00:aa:bb:01'/>
      <model type='virtio'/>
      <link state='down'/>
      <mtu size='1400'/>
      <boot order='2'/>
    </interface>
    <interface type='user'><mac address='52:54:00:aa:bb:02'/><model type='e1000e'/></interface>
    <serial type='null'><target port='0'/></serial>
    <serial type='pty'><log file='${directory}/serial,1.log'/><target type='isa-serial' port='1'/></serial>
    <serial type='file'>
      <source path='${directory}/serial2.out'/>
      <target type='pci-serial' port='2'/>
      <address type='pci' domain='0x0000' bus='0x03' slot='0x01' function='0x0'/>
    </serial>
    <console type='null'><target type='serial' port='0'/></console>
    <console type='pty'><target type='virtio' port='1'/></console>
    <channel type='unix'><source mode='bind'/><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <channel type='unix'>
      <source mode='bind' path='${directory}/second.sock'/>
      <target type='virtio' name='hb.0'/>
      <address type='virtio-serial' controller='0' bus='0' port='1'/>
    </channel>
    <input type='tablet' bus='usb'/>
    <input type='keyboard' bus='usb'/>
    <input type='mouse' bus='virtio'/>
    <graphics type='vnc' port='-1' autoport='yes' passwd='secret' sharePolicy='force-shared'/>
    <video><model type='virtio' heads='1'><resolution x='1024' y='768'/></model></video>
    <watchdog model='itco' action='pause'/>
    <watchdog model='i6300esb' action='pause'/>
    <memballoon model='virtio' autodeflate='on' freePageReporting='on'/>
    <rng model='virtio'><rate bytes='1024'/><backend model='random'>/dev/urandom</backend></rng>
    <rng model='virtio'><backend model='builtin'/></rng>
    <panic model='isa'/>
    <panic model='pvpanic'/>
  </devices>
</domain>`;
}

/** What the older board has that q35 has not. */
export function wideGuestOnPc(directory: string): string {
  return `<domain type='kvm'>
  <name>older</name>
  <memory unit='MiB'>64</memory>
  <maxMemory slots='4' unit='MiB'>256</maxMemory>
  <vcpu>2</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='fd'/><boot dev='cdrom'/><boot dev='hd'/><boot dev='network'/></os>
  <features><acpi/></features>
  <cpu mode='host-passthrough'><numa><cell id='0' cpus='0-1' memory='64' unit='MiB'/></numa></cpu>
  <clock offset='localtime'/>
  <pm><suspend-to-mem enabled='yes'/></pm>
  <devices>
    <disk type='file' device='disk'><driver type='qcow2' cache='unsafe'/><source file='${directory}/a,b.qcow2'/><target dev='hda' bus='ide'/></disk>
    <disk type='file' device='cdrom'><source file='${directory}/b.img'/><target dev='hdc' bus='ide'/></disk>
    <disk type='file' device='floppy'><source file='${directory}/c.img'/><target dev='fda' bus='fdc'/><readonly/></disk>
    <disk type='file' device='disk'><source file='${directory}/d.img'/><target dev='sda' bus='sata'/></disk>
    <controller type='usb' index='0' model='ich9-ehci1'>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x05' function='0x7'/>
    </controller>
    <controller type='usb' index='0' model='ich9-uhci1'>
      <master startport='0'/>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x05' function='0x0' multifunction='on'/>
    </controller>
    <controller type='scsi' index='0' model='lsilogic'/>
    <controller type='pci' index='1' model='pci-bridge'/>
    <interface type='user'><mac address='52:54:00:aa:bb:01'/><model type='rtl8139'/></interface>
    <parallel type='null'><target port='0'/></parallel>
    <console type='pty'><target type='serial' port='0'/></console>
    <input type='tablet' bus='usb'/>
    <input type='keyboard' bus='ps2'/>
    <graphics type='vnc' port='-1' autoport='yes'/>
    <video><model type='cirrus'/></video>
    <watchdog model='ib700' action='none'/>
  </devices>
</domain>`;
}
