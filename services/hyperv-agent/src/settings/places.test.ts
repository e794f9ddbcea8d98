import fc from "fast-check";
import { placeOf, targetOf } from "./places.ts";

describe("the place of a disk", () => {
  it.each([
    ["sda", { bus: "scsi", controller: 0, unit: 0 }],
    ["sdbl", { bus: "scsi", controller: 0, unit: 63 }],
    ["sdbm", { bus: "scsi", controller: 1, unit: 0 }],
    ["hdd", { bus: "ide", controller: 1, unit: 1 }],
  ] as const)("%s goes by libvirt's names", (target, place) => {
    expect(targetOf(place)).toBe(target);
    expect(placeOf(place.bus, target)).toEqual(place);
  });

  it("comes back from every name", () => {
    fc.assert(
      fc.property(fc.nat(3), fc.nat(63), (controller, unit) => {
        expect(placeOf("scsi", targetOf({ bus: "scsi", controller, unit }))).toEqual({
          ...{ bus: "scsi", controller, unit },
        });
      }),
    );
  });

  it.each([
    ["scsi", "vda"],
    ["scsi", "hda"],
    ["ide", "hde"],
    ["virtio", "sda"],
    ["scsi", "sdzz"],
  ])("is none on %s for %s", (bus, target) => {
    expect(placeOf(bus, target)).toBeUndefined();
  });
});
