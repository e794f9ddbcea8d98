import fc from "fast-check";
import { placeOf, targetOf } from "./disk-places.ts";

describe("the place of a disk", () => {
  it.each([
    ["sda", { bus: "scsi", controller: 0, unit: 0 }],
    ["sdg", { bus: "scsi", controller: 0, unit: 6 }],
    ["sdh", { bus: "scsi", controller: 0, unit: 8 }],
    ["sdp", { bus: "scsi", controller: 1, unit: 0 }],
    ["sdbh", { bus: "scsi", controller: 3, unit: 15 }],
    ["hdd", { bus: "ide", controller: 1, unit: 1 }],
    ["sdae", { bus: "sata", controller: 1, unit: 0 }],
  ] as const)("%s goes by libvirt's names", (target, place) => {
    expect(targetOf(place)).toBe(target);
    expect(placeOf(place.bus, target)).toEqual(place);
  });

  it("comes back from every name", () => {
    const units = { scsi: 15, ide: 2, sata: 30 } as const;
    fc.assert(
      fc.property(fc.constantFrom("scsi", "ide", "sata"), fc.nat(3), fc.nat(29), (bus, controller, n) => {
        const within = n % units[bus];
        const unit = bus === "scsi" && within >= 7 ? within + 1 : within;
        expect(placeOf(bus, targetOf({ bus, controller, unit }))).toEqual({ bus, controller, unit });
      }),
    );
  });

  it.each(["vda", "hda", "sd", "sdabc"])("is none for %s on SCSI", (target) => {
    expect(placeOf("scsi", target)).toBeUndefined();
  });
});
