import type { HttpAnswer } from "./http.ts";
import { tokenIn, wrapFirst, wrapNext } from "./spnego.ts";

function answer(token: Buffer): HttpAnswer {
  const headers = { "www-authenticate": `Negotiate ${token.toString("base64")}, Basic realm="WSMAN"` };
  return { status: 401, headers, body: Buffer.alloc(0) };
}

describe("a token of NTLM", () => {
  it.each([10, 60, 120, 200, 300, 5000])(
    "of %d bytes is found by itself and in the wrapping of SPNEGO",
    (length) => {
      const token = Buffer.concat([Buffer.from("NTLMSSP\0"), Buffer.alloc(length - 8, 5)]);
      expect(tokenIn(answer(token))).toEqual(token);
      expect(tokenIn(answer(wrapNext(token)))).toEqual(token);
      expect(tokenIn(answer(wrapFirst(token)))).toEqual(token);
      const withMore = Buffer.concat([wrapNext(token), Buffer.from("a code over the offer")]);
      expect(tokenIn(answer(withMore))).toEqual(token);
    },
  );

  it("is offered as NTLM alone (RFC 4178, 4.2.1)", () => {
    expect(wrapFirst(Buffer.from("NTLMSSP\0")).toString("hex")).toBe(
      "6028" +
        "06062b0601050502" +
        "a01e301c" +
        "a00e300c060a2b06010401823702020a" +
        "a20a0408" +
        "4e544c4d53535000",
    );
  });

  it("is none in an answer that only says what is offered", () => {
    const bare = {
      status: 401,
      headers: { "www-authenticate": "Negotiate, Kerberos" },
      body: Buffer.alloc(0),
    };
    expect(tokenIn(bare)).toBeUndefined();
  });
});
