import { readNode, textAt } from "../vim/node.ts";
import { patched, type Properties } from "./patch.ts";

const told: Properties = new Map([
  ["runtime", readNode("<runtime><powerState>poweredOff</powerState><host>h</host></runtime>")],
]);

describe("a change of what was told", () => {
  it("replaces a property that is watched", () => {
    const next = patched(told, "runtime", readNode("<val><powerState>poweredOn</powerState></val>"));
    expect(textAt(next.get("runtime"), "powerState")).toBe("poweredOn");
  });

  it("replaces a part of one, and leaves the rest", () => {
    const next = patched(told, "runtime.powerState", readNode("<val>poweredOn</val>"));
    expect(textAt(next.get("runtime"), "powerState")).toBe("poweredOn");
    expect(textAt(next.get("runtime"), "host")).toBe("h");
    expect(textAt(told.get("runtime"), "powerState")).toBe("poweredOff");
  });

  it("takes away what is no more", () => {
    expect(patched(told, "runtime", undefined).size).toBe(0);
    expect(textAt(patched(told, "runtime.host", undefined).get("runtime"), "host")).toBeUndefined();
  });
});
