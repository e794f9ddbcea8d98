import { findClass, isA, needClass } from "./classes.ts";

describe("The classes of Hyper-V", () => {
  it.each([
    ["Msvm_ComputerSystem", ["CreationClassName", "Name"]],
    ["Msvm_VirtualSystemSettingData", ["InstanceID"]],
    ["Msvm_Keyboard", ["SystemCreationClassName", "SystemName", "CreationClassName", "DeviceID"]],
    ["Msvm_ConcreteJob", ["InstanceID"]],
    ["Msvm_AffectedJobElement", ["AffectedElement", "AffectingElement"]],
    ["Win32_OperatingSystem", ["Name"]],
  ])("%s has the keys of its first base that has some, whatever its page says", (name, keys) => {
    expect(needClass(name).keys).toEqual(keys);
  });

  it("are found in whatever case, and not when they are none", () => {
    expect(findClass("MSVM_COMPUTERSYSTEM")?.name).toBe("Msvm_ComputerSystem");
    expect(findClass("Msvm_Nothing")).toBeUndefined();
  });

  it("are what their bases are", () => {
    const job = needClass("Msvm_MigrationJob");
    expect([isA(job, "CIM_ConcreteJob"), isA(job, "Msvm_ConcreteJob")]).toEqual([true, false]);
  });

  it("have all of their bases where their page names only what they add", () => {
    const names = [...needClass("Msvm_SerialPortSettingData").properties.keys()];
    expect(names).toEqual(expect.arrayContaining(["Caption", "DebuggerMode", "InstanceID", "ResourceType"]));
    expect(needClass("Msvm_ExternalEthernetPort").properties.has("MaxQuiesceTime")).toBe(true);
  });

  it("have the methods of their bases, with their parameters", () => {
    const parameters = needClass("Msvm_ComputerSystem").methods.get("RequestStateChange") ?? [];
    expect(parameters.map((p) => [p.name, p.type.name, p.in, p.out])).toEqual([
      ["RequestedState", "uint16", true, false],
      ["Job", "CIM_ConcreteJob", false, true],
      ["TimeoutPeriod", "datetime", true, false],
    ]);
  });
});
