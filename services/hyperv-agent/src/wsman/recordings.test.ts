import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readMsvm } from "../msvm/read.ts";
import { readAnswer } from "./envelope.ts";
import { isReference, readInstance } from "./values.ts";
import { at, childrenOf, textAt, type XmlNode } from "./xml.ts";

const folder = join(__dirname, "../../../../../shared/data/hyperv/recorded");
// They are no part of the project: who does not have them sees these as skipped.
const recorded = existsSync(folder) ? it : it.skip;

function answer(name: string): XmlNode | undefined {
  return readAnswer(readFileSync(join(folder, `recorded_${name}.xml`), "utf8"), "Pull");
}

function itemOf(name: string) {
  const [item] = at(answer(name), "Items")?.children ?? [];
  if (item === undefined) throw new Error("the recording has no item");
  return readInstance(item);
}

describe("what a real host answered", () => {
  recorded("is read, every recording of it", () => {
    for (const file of readdirSync(folder).filter((each) => each.endsWith(".xml")))
      expect(readAnswer(readFileSync(join(folder, file), "utf8"), "Pull")?.name).toMatch(
        /^(Enumerate|Pull)Response$/,
      );
  });

  recorded("is a guest with its numbers, moments and values that there are none of", () => {
    const guest = readMsvm("Msvm_ComputerSystem", itemOf("computersystem_pull_vm_running_a"));
    expect(guest).toMatchObject({
      ElementName: "scrubbed-3",
      EnabledState: 2,
      OnTimeInMilliseconds: 6138294371n,
      ProcessID: 9624,
      OperationalStatus: [2],
      StatusDescriptions: ["正常稼働中"],
      TimeOfLastStateChange: "2026-07-29T14:10:59.467886Z",
    });
    expect(guest).not.toHaveProperty("InstanceID");
  });

  recorded("is the host too, which has a name and no GUID", () => {
    expect(readMsvm("Msvm_ComputerSystem", itemOf("computersystem_pull_host")).Name).toBe("scrubbed-1");
  });

  recorded("ends together with the last item", () => {
    const last = answer("computersystem_pull_vm_running_c_eos");
    expect(childrenOf(at(last, "Items"), "Msvm_ComputerSystem")).toHaveLength(1);
    expect(at(last, "EndOfSequence")).toBeDefined();
    expect(textAt(answer("computersystem_pull_vm_off"), "EnumerationContext")).toMatch(/^uuid:/);
  });

  recorded("names what a job has made", () => {
    const made = readMsvm("Msvm_AffectedJobElement", itemOf("affectedjobelement_pull_created"));
    expect(isReference(made.AffectedElement)).toBe(true);
    expect(made).toMatchObject({
      ElementEffects: [5],
      AffectedElement: {
        resourceUri: expect.stringMatching(/\/Msvm_VirtualSystemSettingData$/),
        selectors: { InstanceID: "Microsoft:00000000-0000-4000-8000-000000000083" },
      },
      AffectingElement: { selectors: { InstanceID: "00000000-0000-4000-8000-000000000066" } },
    });
  });
});
