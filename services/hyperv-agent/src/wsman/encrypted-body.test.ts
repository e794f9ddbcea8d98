import fc from "fast-check";
import { readEncrypted, writeEncrypted } from "./encrypted-body.ts";

describe("a sealed message", () => {
  it("is in the form that WinRM wants", () => {
    const body = writeEncrypted({ signature: Buffer.alloc(16, 1), sealed: Buffer.from("abc") }, 3);
    expect(body.toString("latin1")).toBe(
      "--Encrypted Boundary\r\n\tContent-Type: application/HTTP-SPNEGO-session-encrypted\r\n" +
        "\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=3\r\n" +
        "--Encrypted Boundary\r\n\tContent-Type: application/octet-stream\r\n" +
        `\x10\0\0\0${"\x01".repeat(16)}abc--Encrypted Boundary--\r\n`,
    );
  });

  it("is read whatever bytes it has, a boundary among them too", () => {
    const bytes = fc.oneof(fc.uint8Array(), fc.constant(Buffer.from("--Encrypted Boundary--\r\n")));
    fc.assert(
      fc.property(bytes, (raw) => {
        const sealed = Buffer.from(raw);
        const signature = Buffer.alloc(16, 7);
        expect(readEncrypted(writeEncrypted({ signature, sealed }, sealed.length))).toEqual({
          ...{ signature, sealed },
        });
      }),
    );
  });

  it.each(["", "--Encrypted Boundary\r\n", "plain"])("is refused when it is %j", (text) => {
    expect(() => readEncrypted(Buffer.from(text))).toThrow(/MS-WSMV/);
  });
});
