import fc from "fast-check";
import { formatAddress, parseAddress } from "./target.ts";

describe("how a guest is named", () => {
  it("is a bare name or UUID", () => {
    expect(parseAddress("web-1")).toEqual({ kind: "bare", domain: "web-1" });
  });

  it("or a name after its connection", () => {
    expect(parseAddress("qemu://host-a/system/web-1")).toEqual({
      kind: "placed",
      target: { uri: "qemu://host-a/system", domain: "web-1" },
    });
    expect(parseAddress("test:///default/test")).toEqual({
      kind: "placed",
      target: { uri: "test:///default", domain: "test" },
    });
  });

  it("or behind the host, where a host has one connection without a path", () => {
    const target = { uri: "esx://host-a/", domain: "web-1" };
    expect(parseAddress("esx://host-a/web-1")).toEqual({ kind: "placed", target });
    expect(parseAddress(formatAddress(target))).toEqual({ kind: "placed", target });
    expect(() => parseAddress("esx://host-a/")).toThrow("names a connection but no guest");
  });

  it("is refused when it is only a connection", () => {
    expect(() => parseAddress("qemu://host-a/system")).toThrow(
      '"qemu://host-a/system" names a connection but no guest; write qemu://host-a/system/NAME',
    );
    expect(() => parseAddress("qemu://host-a/system/")).toThrow("names a connection but no guest");
  });

  it("can be any name in its written form", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: "grapheme" }), (domain) => {
        const target = { uri: "qemu://host-a/system", domain };
        expect(parseAddress(formatAddress(target))).toEqual({ kind: "placed", target });
      }),
    );
  });

  it("is refused with an odd %", () => {
    expect(() => parseAddress("qemu://host-a/system/100%")).toThrow("not followed by two hexadecimal digits");
  });
});
