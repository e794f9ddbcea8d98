import { identity, objectPath, parseObjectPath, reference } from "./path.ts";

describe("Paths of objects", () => {
  it("are written as WMI does, with backslashes doubled", () => {
    const path = reference("Msvm_MemorySettingData", { InstanceID: 'Microsoft:A\\b"c' });
    const text = objectPath("HV", path);
    expect(text).toBe(
      '\\\\HV\\root\\virtualization\\v2:Msvm_MemorySettingData.InstanceID="Microsoft:A\\\\b\\"c"',
    );
    expect(parseObjectPath(text)).toEqual(path);
  });

  it.each([
    [
      "Msvm_ComputerSystem.CreationClassName='Msvm_ComputerSystem',Name='x'",
      { CreationClassName: "Msvm_ComputerSystem", Name: "x" },
    ],
    ['\\\\.\\root\\cimv2:Win32_Processor.DeviceID="CPU0"', { DeviceID: "CPU0" }],
  ])("are read from %p", (text, keys) => {
    expect(parseObjectPath(text)?.keys).toEqual(keys);
  });

  it.each([
    "",
    "Msvm_Nothing.A='b'",
    "Msvm_ComputerSystem",
    "Msvm_ComputerSystem.Name",
    "Msvm_ComputerSystem.Name='x",
  ])("are not read from %p", (text) => {
    expect(parseObjectPath(text)).toBeUndefined();
  });

  it("are the same in whatever case and order", () => {
    const a = reference("Msvm_ComputerSystem", { Name: "ab", CreationClassName: "C" });
    const b = reference("msvm_computersystem", { creationclassname: "c", name: "AB" });
    expect(identity(a)).toBe(identity(b));
  });
});
