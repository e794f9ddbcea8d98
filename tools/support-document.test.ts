import { supportDocument } from "./support-document.ts";

describe("the support matrix", () => {
  it("has a row for every method and says who has it", () => {
    const text = supportDocument([
      { name: "one", methods: new Set(["host.info", "domains.start"]) },
      { name: "two", methods: new Set(["host.info"]) },
    ]);
    expect(text).toContain(
      "| method | call | one | two |\n| --- | --- | --- | --- |\n| `info` | HostService.GetHost | yes | yes |",
    );
    expect(text).toContain("| `start` | DomainService.StartDomain | yes | - |");
    expect(text).toContain("| `reopen` | inside the chassis | - | - |");
  });
});
