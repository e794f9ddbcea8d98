import { collectClasses, readPage } from "./extract.ts";

const BASE = `---
title: CIM_Thing class
---
\`\`\` syntax
class CIM_Thing
{
  string   InstanceID;
  DateTime Made;
  uint16   States[] = { 2 };
};
\`\`\`
**InstanceID**
Qualifiers: **Key**

**Made**
Access type: Read/write
Qualifiers: **MaxLen** (4)

**States**
Access type: Read-only
`;

const DERIVED = `---
title: Msvm_Thing class
---
\`\`\` syntax
[Dynamic, AMENDMENT]
class Msvm_Thing : CIM_Thing
{
  string        InstanceID;
  uint16        States[];
  CIM_Thing REF Other;
};
\`\`\`
`;

const METHOD = `---
title: Change method of the Msvm\\_Thing class
---
\`\`\`mof
uint32 Change(
  [in]      string    Settings[],
  [in, out] CIM_Thing REF Result,
  [out]     CIM_ConcreteJob REF Job
);
\`\`\`
`;

describe("Pages of Microsoft's reference", () => {
  it("give a class with its properties, keys and defaults, and what of it can be written", () => {
    expect(readPage(BASE)).toEqual({
      ...{ kind: "class", name: "CIM_Thing" },
      source: {
        ...{ keys: ["InstanceID"], writable: ["Made"] },
        properties: { InstanceID: "string", Made: "datetime", States: "uint16[]" },
        defaults: { States: "{ 2 }" },
        methods: {},
      },
    });
  });

  it("give a method with the ways of its parameters", () => {
    expect(readPage(METHOD)).toEqual({
      ...{ kind: "method", className: "Msvm_Thing", name: "Change" },
      parameters: ["in string[] Settings", "in+out CIM_Thing REF Result", "out CIM_ConcreteJob REF Job"],
    });
  });

  it("say nothing where there is no MOF", () => {
    expect(readPage("# About Hyper-V")).toBeUndefined();
  });

  it("leave to the base what is the base's, and name what is hidden of it", () => {
    const pages = [BASE, DERIVED, METHOD].flatMap((text) => readPage(text) ?? []);
    expect(collectClasses(pages)["Msvm_Thing"]).toEqual({
      ...{
        base: "CIM_Thing",
        absent: ["Made"],
        keys: [],
        properties: { Other: "CIM_Thing REF" },
        defaults: {},
      },
      methods: {
        Change: ["in string[] Settings", "in+out CIM_Thing REF Result", "out CIM_ConcreteJob REF Job"],
      },
    });
  });
});
