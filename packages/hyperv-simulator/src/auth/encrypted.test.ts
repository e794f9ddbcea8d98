import fc from "fast-check";
import { isEncrypted, readEncrypted, writeEncrypted } from "./encrypted.ts";

const SOAP = "application/soap+xml;charset=UTF-8";

describe("Messages in the form of MS-WSMV 2.2.9.1", () => {
  it("are read as they were written, whatever is in them", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.uint8Array(), (signature, data) => {
        const message = { signature: Buffer.from(signature), data: Buffer.from(data) };
        expect(readEncrypted(writeEncrypted(message, SOAP))).toEqual(message);
      }),
    );
  });

  it.each([
    ["nothing", ""],
    ["no octets", "--Encrypted Boundary\r\n\tContent-Type: application/HTTP-SPNEGO-session-encrypted\r\n"],
    [
      "no length",
      "--Encrypted Boundary\r\n\tContent-Type: application/octet-stream\r\n\0\0\0\0--Encrypted Boundary--\r\n",
    ],
    [
      "a length that is not theirs",
      "\tOriginalContent: type=a;Length=9\r\n\tContent-Type: application/octet-stream\r\n\0\0\0\0abc--Encrypted Boundary--\r\n",
    ],
  ])("are not read when they have %s", (_, text) => {
    expect(readEncrypted(Buffer.from(text))).toBeUndefined();
  });

  it("are told by their type", () => {
    expect(
      isEncrypted('multipart/encrypted;protocol="application/HTTP-SPNEGO-session-encrypted";boundary="x"'),
    ).toBe(true);
    expect(isEncrypted('multipart/encrypted;protocol="application/HTTP-Kerberos-session-encrypted"')).toBe(
      false,
    );
  });
});
