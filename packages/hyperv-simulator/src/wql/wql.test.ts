import { Repository } from "../cim/repository.ts";
import { textOf } from "../cim/value.ts";
import { parseEventQuery } from "./events.ts";
import { parseWql } from "./parse.ts";
import { runQuery } from "./run.ts";

const repository = new Repository();
for (const [name, state] of [
  ["HV", 2],
  ["a'1", 2],
  ["b_2", 3],
  ["C%3", 32_773],
] as const)
  repository.add("Msvm_ComputerSystem", {
    ...{ CreationClassName: "Msvm_ComputerSystem", Name: name, ElementName: name, EnabledState: state },
    OtherEnabledState: name === "HV" ? "other" : null,
  });

function names(where: string): readonly string[] {
  const query = parseWql(`SELECT * FROM Msvm_ComputerSystem${where === "" ? "" : ` WHERE ${where}`}`);
  return runQuery(query, repository, "hv").map((instance) => textOf(instance, "Name"));
}

describe("WQL", () => {
  it.each([
    ["", ["HV", "a'1", "b_2", "C%3"]],
    ["Name != __SERVER", ["a'1", "b_2", "C%3"]],
    ["name = 'B_2'", ["b_2"]],
    ['Name = "a\'1"', ["a'1"]],
    ["Name = 'a\\'1'", ["a'1"]],
    ["EnabledState = 2 AND NOT Name = __SERVER", ["a'1"]],
    ["EnabledState = '3'", ["b_2"]],
    ["EnabledState >= 3", ["b_2", "C%3"]],
    ["EnabledState < 3 OR Name LIKE 'c%'", ["HV", "a'1", "C%3"]],
    ["Name <> 'HV' AND (EnabledState = 3 OR EnabledState = 2)", ["a'1", "b_2"]],
    ["Name LIKE '_\\'1'", ["a'1"]],
    ["OtherEnabledState IS NOT NULL", ["HV"]],
    ["OtherEnabledState IS NULL", ["a'1", "b_2", "C%3"]],
    ["OtherEnabledState = 'other'", ["HV"]],
    ["__CLASS = 'msvm_computersystem' AND EnabledState = 3", ["b_2"]],
    [
      String.raw`__PATH = '\\\\hv\\root\\virtualization\\v2:Msvm_ComputerSystem.CreationClassName="Msvm_ComputerSystem",Name="b_2"'`,
      ["b_2"],
    ],
  ])("finds by %p", (where, found) => {
    expect(names(where)).toEqual(found);
  });

  it.each([
    ["SELECT * Msvm_ComputerSystem", "FROM is missing"],
    ["SELECT * FROM Msvm_ComputerSystem WHERE", "ends too early"],
    ["SELECT * FROM Msvm_ComputerSystem WHERE (Name = 'a'", "parenthesis is not closed"],
    ["SELECT * FROM Msvm_ComputerSystem WHERE Name ISNT 'a'", '"ISNT" is no operator'],
    ["SELECT * FROM Msvm_ComputerSystem Name", '"Name" was not expected'],
    ["ASSOCIATORS OF {Msvm_X.A='b'} WHERE Colour = Red", '"colour" is no condition'],
    ["DELETE FROM Msvm_ComputerSystem", "SELECT is missing"],
  ])("refuses %p", (query, why) => {
    expect(() => parseWql(query)).toThrow(why);
  });

  it("compares no references: they are enumerated, or asked for by ASSOCIATORS OF", () => {
    const query = parseWql("SELECT * FROM Msvm_SettingsDefineState WHERE ManagedElement = 'x'");
    const own = new Repository();
    const end = { kind: "reference" as const, className: "Msvm_ComputerSystem", keys: {} };
    own.add("Msvm_SettingsDefineState", { ManagedElement: end, SettingData: end });
    expect(() => runQuery(query, own, "hv")).toThrow("a reference cannot be compared");
  });

  it("reads what events are asked for", () => {
    const query =
      "select * from __InstanceOperationEvent within 2 where TargetInstance isa 'Msvm_ConcreteJob'";
    expect(parseEventQuery(query)).toMatchObject({ targetClass: "Msvm_ConcreteJob" });
  });
});
