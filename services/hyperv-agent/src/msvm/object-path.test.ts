import { keyInPath, ownerOf, sameId, settingPath, switchPath } from "./object-path.ts";

const ID = "Microsoft:73247744-F112-4AF1-8FE5-BF2EC55F51C9\\83F8638B-8DCA-4152-9EDA-2CA8B33039B4\\0";

describe("the path of a setting", () => {
  it("carries an id with backslashes there and back", () => {
    const path = settingPath("HV1", "Msvm_ResourceAllocationSettingData", ID);
    expect(path).toBe(
      String.raw`\\HV1\root\virtualization\v2:Msvm_ResourceAllocationSettingData.InstanceID="Microsoft:73247744-F112-4AF1-8FE5-BF2EC55F51C9\\83F8638B-8DCA-4152-9EDA-2CA8B33039B4\\0"`,
    );
    expect(keyInPath(path, "InstanceID")).toBe(ID);
  });

  it("has the keys of a switch", () => {
    expect(keyInPath(switchPath("HV1", "A-B"), "Name")).toBe("A-B");
    expect(keyInPath(switchPath("HV1", "A-B"), "InstanceID")).toBeUndefined();
    expect(keyInPath("C:\\disks\\a.vhdx", "InstanceID")).toBeUndefined();
  });

  it("belongs to a system by its id, and a template to none", () => {
    expect(ownerOf(ID)).toBe("73247744-F112-4AF1-8FE5-BF2EC55F51C9");
    expect(ownerOf("Microsoft:Definition\\B637F346-6A0E-4DEC-AF52-BD70CB80A21D\\Default")).toBeUndefined();
    expect(sameId("Microsoft:a", "MICROSOFT:A")).toBe(true);
  });
});
