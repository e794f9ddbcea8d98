import { fromXm, xmDefinition } from "./from-xm.ts";
import { toXm } from "./to-xm.ts";

const guest = (devices: string, os = "<type>linux</type><kernel>/boot/vmlinuz</kernel>") =>
  `<domain type='xen'><name>web</name><memory unit='MiB'>512</memory><os>${os}</os><devices>${devices}</devices></domain>`;

const disk = (inner: string, type = "file") =>
  guest(`<disk type='${type}'>${inner}<target dev='xvda' bus='xen'/></disk>`);

describe("a file of xm", () => {
  it.each([
    ["<source file='/a.img'/>", "file", "file:/a.img,xvda,w"],
    ["<source dev='/dev/vg/a'/>", "block", "phy:/dev/vg/a,xvda,w"],
    ["<driver name='tap' type='qcow2'/><source file='/a'/>", "file", "tap:qcow2:/a,xvda,w"],
    ["<source dev='/dev/vg/a'/><shareable/>", "block", "phy:/dev/vg/a,xvda,w!"],
  ])("has disks by who serves them: %s", (inner, type, expected) => {
    const text = toXm(disk(inner, type));
    expect(text).toContain(`disk = [ "${expected}" ]\n`);
    expect(xmDefinition(toXm(fromXm(text)))).toEqual(xmDefinition(text));
  });

  it.each([
    [
      disk("<driver name='qemu' type='qcow2'/><source file='/a'/>"),
      "not by qemu at /domain/devices/disk[1]/driver/@name",
    ],
    [disk("<source file='/a,b'/>"), "a comma ends the parts of a disk at /domain/devices/disk[1]/source"],
    [
      guest("", "<type>xenpvh</type><kernel>/k</kernel>"),
      "xm knew no guests of the kind xenpvh at /domain/os/type",
    ],
    [
      guest("", "<type>hvm</type><kernel>/k</kernel>"),
      "a file of xm cannot say <kernel>; remove it at /domain/os/kernel",
    ],
    [
      guest("<channel type='pty'><target type='xen' name='a'/></channel>"),
      "a file of xm cannot say <channel>; remove it at /domain/devices/channel",
    ],
  ])("is refused where xm could not be told: %#", (xml, message) => {
    expect(() => toXm(xml)).toThrow(message);
  });

  it.each([
    ['disk = [ "/a" ]', 'line 3: the disk "/a" is not of the form source,name,mode'],
    [
      'disk = [ "tap:/a,xvda,w" ]',
      'line 3: the disk "tap:/a,xvda,w" does not say of what format its image is',
    ],
    ['disk = [ "/a,xvda,x" ]', 'line 3: the mode of the disk "/a,xvda,x" is r, w or w!'],
    ['builder = "hvm"', "kernel is missing: the firmware that the guest begins with"],
    [
      'builder = "hvm"\nkernel = "/h"\nserial = [ "pty", "pty" ]',
      "line 5: a guest of xm has one serial port",
    ],
    ["spice = 1", "line 3: spice has no counterpart in libvirt's documents"],
  ])("is refused with the line of what no document can say: %j", (text, message) => {
    expect(() => xmDefinition(`name = "a"\nmemory = 64\n${text}`)).toThrow(message);
  });

  it("starts a guest again that has crashed, unless it says otherwise, and shows no screen", () => {
    const { onCrash, devices } = xmDefinition('name = "a"\nmemory = 64\nbuilder = "hvm"\nkernel = "/h"');
    expect(onCrash).toBe("restart");
    expect(devices.graphics).toEqual([]);
  });
});
