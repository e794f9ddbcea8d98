import { findProgram, missingPackages } from "./apt.ts";

describe("what is missing on this computer", () => {
  it("is what has neither its program nor its file, each package once", () => {
    const needs = [
      { package: "bash", file: "bash" },
      { package: "libzzz", file: "/usr/include/zzz.h" },
      { package: "zzz", file: "zzz-one" },
      { package: "zzz", file: "zzz-two" },
    ];
    expect(missingPackages(needs)).toEqual(["libzzz", "zzz"]);
  });

  it("is not a program outside the PATH of ordinary users", () => {
    const path = process.env["PATH"];
    process.env["PATH"] = "/nowhere";
    expect(findProgram("ip")).toMatch(/sbin\/ip$/);
    process.env["PATH"] = path;
  });
});
