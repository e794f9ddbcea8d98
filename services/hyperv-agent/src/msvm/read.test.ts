import { readCimXml } from "../wsman/cim-xml.ts";
import type { Instance, Raw } from "../wsman/values.ts";
import { readMsvm, readOutput } from "./read.ts";
import { embedded, inputOf } from "./write.ts";

function instance(properties: Readonly<Record<string, readonly Raw[]>>): Instance {
  return { className: "C", properties: new Map(Object.entries(properties)) };
}

describe("an instance by Microsoft's schema", () => {
  it("is what was written", () => {
    const memory = {
      InstanceID: "Microsoft:A\\B",
      VirtualQuantity: 512n,
      DynamicMemoryEnabled: true,
      HostResource: ["a", "b"],
    };
    expect(
      readMsvm("Msvm_MemorySettingData", readCimXml(embedded("Msvm_MemorySettingData", memory))),
    ).toEqual(memory);
  });

  it("has lists even of one, and nothing where there is none or where the schema knows of none", () => {
    const read = readMsvm(
      "Msvm_ComputerSystem",
      instance({ OperationalStatus: ["2"], Name: [null], InventedLater: ["1"] }),
    );
    expect(read).toEqual({ OperationalStatus: [2] });
  });

  it("has others in it, as elements or as text", () => {
    const text = embedded("Msvm_SummaryInformation", { Name: "A", MemoryUsage: 7n });
    const { SummaryInformation } = readOutput(
      "Msvm_VirtualSystemManagementService",
      "GetSummaryInformation",
      instance({ SummaryInformation: [text, instance({ Name: ["B"] })] }),
    );
    expect(SummaryInformation?.map((each) => readMsvm("Msvm_SummaryInformation", each))).toEqual([
      { Name: "A", MemoryUsage: 7n },
      { Name: "B" },
    ]);
  });

  it("has bytes together in base64, or one by one", () => {
    const image = (...ImageData: string[]) =>
      readOutput(
        "Msvm_VirtualSystemManagementService",
        "GetVirtualSystemThumbnailImage",
        instance({ ImageData }),
      );
    expect(image("EIQQ")).toEqual({ ImageData: [0x10, 0x84, 0x10] });
    expect(image("16", "132")).toEqual({ ImageData: [0x10, 0x84] });
    expect(image("132")).toEqual({ ImageData: [0x84] });
  });

  it.each([
    ["a number that is none", { EnabledState: ["many"] }, /EnabledState is "many"/],
    ["an instance in place of a text", { Name: [instance({})] }, /Name is no string/],
  ])("is refused with %s", (_, properties, message) => {
    expect(() => readMsvm("Msvm_ComputerSystem", instance(properties))).toThrow(message);
  });

  it("goes out with its parameters in the order of the method", () => {
    const input = inputOf("Msvm_ShutdownComponent", "InitiateShutdown", { Reason: "r", Force: false });
    expect(Object.entries(input)).toEqual([
      ["Force", false],
      ["Reason", "r"],
    ]);
  });
});
