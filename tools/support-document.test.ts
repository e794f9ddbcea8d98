import { supportDocument } from "./support-document.ts";

describe("the support matrix", () => {
  const text = supportDocument([
    { name: "lxc", methods: new Set(["host.info", "domains.start", "snapshots.list"]) },
    { name: "mine", methods: new Set(["host.info"]) },
  ]);

  it("has a row for every method and says who has it, here and in libvirt", () => {
    expect(text).toContain(
      "| method | call | in libvirt | lxc | mine |\n| --- | --- | --- | --- | --- |\n| `info` | HostService.GetHost | virNodeGetInfo | yes / yes | yes / - |",
    );
    expect(text).toContain(
      "| `start` | DomainService.StartDomain | virDomainCreateWithFlags | yes / yes | - / - |",
    );
    expect(text).toMatch(
      /\| `list` \| SnapshotService.*\| virDomainSnapshotListNames \| yes \/ - \| - \/ - \|/,
    );
  });

  it("compares nothing where libvirt has no such function", () => {
    expect(text).toContain("| `reopen` | inside the chassis |  | - | - |");
  });

  it("counts both sides over the methods that both have", () => {
    expect(text).toMatch(/\| methods here, of \d+ \| 3 \| 1 \|/);
    expect(text).toMatch(/libvirt has too, of \d+: here \| 3 \| 1 \|/);
    expect(text).toMatch(/\| all that libvirt's driver implements, of 257 \| 94 \| no driver \|/);
  });

  it("says what guests can be", () => {
    const text = supportDocument([
      { name: "one", methods: new Set(["domains.pausedStart"]) },
      { name: "two", methods: new Set() },
    ]);
    expect(text).toContain("| `domains.pausedStart`: started with their CPUs stopped | yes | - |");
  });
});
