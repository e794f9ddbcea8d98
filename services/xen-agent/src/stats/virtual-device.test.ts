import { virtualDevice } from "./virtual-device.ts";

describe("Xen's numbers of disks", () => {
  it.each([
    ["xvda", 51712],
    ["xvdb", 51728],
    ["xvda1", 51713],
    ["xvdp", 51952],
    ["xvdq", 268439552],
    ["xvdaa", 268442112],
    ["hda", 768],
    ["hdb", 832],
    ["hdc", 5632],
    ["sda", 2048],
    ["sdb2", 2066],
    ["vda", undefined],
    ["hde", undefined],
  ])("are those of %s", (target, number) => {
    expect(virtualDevice(target)).toBe(number);
  });
});
