import { sourceEntries } from "./source-list.ts";

describe("apt's sources", () => {
  it("of one line each are asked for source packages", () => {
    const text =
      "# mine\ndeb [arch=amd64] http://deb.debian.org/debian bookworm main contrib\ndeb-src x y z\n";
    expect(sourceEntries(text, "sources.list")).toEqual([
      "deb-src [arch=amd64] http://deb.debian.org/debian bookworm main contrib",
    ]);
  });

  it("in paragraphs are asked for source packages of every suite", () => {
    const text = `Types: deb
# a comment
URIs: http://deb.debian.org/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://deb.debian.org/debian-security
Suites: bookworm-security
Components: main
Enabled: no
`;
    expect(sourceEntries(text, "debian.sources")).toEqual([
      "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main",
      "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm-updates main",
    ]);
  });

  it("of single vendors are left out", () => {
    expect(sourceEntries("deb https://packages.example.com/apt stable main", "vendor.list")).toEqual([]);
  });
});
