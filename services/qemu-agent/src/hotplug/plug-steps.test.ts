import { deviceIds, hostSteps, plugSteps } from "./plug-steps.ts";

describe("the commands that plug a device in", () => {
  const steps = plugSteps({
    objects: [
      { "qom-type": "rng-egd", id: "objrng0", chardev: "charrng0" },
      { "qom-type": "secret", id: "key0", file: "/key" },
    ],
    chardevs: [{ id: "charrng0", backend: { type: "null", data: { logfile: undefined } } }],
    blockdevs: [
      { driver: "file", "node-name": "storage", filename: "/a", discard: undefined },
      { driver: "raw", "node-name": "format", file: "storage" },
    ],
    netdevs: [{ type: "user", id: "hostnet0" }],
    devices: [{ driver: "virtio-rng-pci", id: "rng0", rng: "objrng0" }],
  });

  it("make the host side first, each part after those it needs", () => {
    expect(steps.map(({ make }) => make.command)).toEqual([
      ...[
        "object-add",
        "chardev-add",
        "object-add",
        "blockdev-add",
        "blockdev-add",
        "netdev_add",
        "device_add",
      ],
    ]);
    expect(steps[0]?.make.args).toMatchObject({ id: "key0" });
  });

  it("carry no members that are left out", () => {
    expect(steps[3]?.make.args).toEqual({ driver: "file", "node-name": "storage", filename: "/a" });
  });

  it("each have one that takes the part away again", () => {
    expect(steps.map(({ unmake }) => [unmake.command, ...Object.values(unmake.args ?? {})])).toEqual([
      ["object-del", "key0"],
      ["chardev-remove", "charrng0"],
      ["object-del", "objrng0"],
      ["blockdev-del", "storage"],
      ["blockdev-del", "format"],
      ["netdev_del", "hostnet0"],
      ["device_del", "rng0"],
    ]);
  });

  it("tell the guest's side from the host's", () => {
    expect(deviceIds(steps)).toEqual(["rng0"]);
    expect(hostSteps(steps)).toHaveLength(6);
  });
});
