import { createHash } from "node:crypto";

/** The guest that libvirt's own test hypervisor has (its name and UUID), with a little more to look at. */
export const SEED_XML = `<domain type='test'>
  <name>test</name>
  <uuid>6695eb01-f6a4-8304-79aa-97f2502e193f</uuid>
  <memory unit='KiB'>8388608</memory>
  <currentMemory unit='KiB'>2097152</currentMemory>
  <vcpu placement='static'>2</vcpu>
  <os>
    <type arch='x86_64'>hvm</type>
    <boot dev='hd'/>
  </os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='/guest/diskimage1'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <interface type='network'>
      <mac address='aa:bb:cc:dd:ee:ff'/>
      <source network='default'/>
      <model type='virtio'/>
    </interface>
    <serial type='pty'/>
    <console type='pty'/>
    <graphics type='vnc' port='-1' autoport='yes'/>
    <video>
      <model type='vga'/>
    </video>
  </devices>
</domain>
`;

/**
 * The same guest with a UUID of its own for each host. Two hosts of one mesh must not begin with one guest: it would
 * run on both, and only one of them can have its run token.
 */
export function seedOfHost(host: string): string {
  const hex = createHash("sha256").update(host).digest("hex");
  // Version 8 of RFC 9562: bits of our own making.
  const uuid = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  return SEED_XML.replace(/<uuid>.*<\/uuid>/, `<uuid>${uuid}</uuid>`);
}
