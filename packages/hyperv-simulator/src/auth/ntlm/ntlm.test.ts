import fc from "fast-check";
import { exportedKey, NtlmAcceptor, ntowfv2, sessionBaseKey } from "./acceptor.ts";
import { md4 } from "./md4.ts";
import { FLAGS, readAuthenticate, writeChallenge } from "./messages.ts";
import { Rc4 } from "./rc4.ts";
import { Sealing } from "./sealing.ts";
import { unwrapToken, wrapToken } from "./spnego.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ""), "hex");

/** The AUTHENTICATE message of MS-NLMP 4.2.4.3. */
const AUTHENTICATE = hex(`
  4e544c4d53535000 03000000 18001800 6c000000 54005400 84000000 0c000c00 48000000 08000800 54000000 10001000
  5c000000 10001000 d8000000 358288e2 0501280a0000000f 44006f006d00610069006e00 5500730065007200
  43004f004d0050005500540045005200 86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa
  68cd0ab851e51c96aabc927bebef6a1c 01010000000000000000000000000000aaaaaaaaaaaaaaaa00000000
  02000c0044006f006d00610069006e00 01000c00530065007200760065007200 0000000000000000
  c5dad2544fc9799094ce1ce90bc9d03e`);
const SERVER_CHALLENGE = hex("0123456789abcdef");
const SESSION_KEY = Buffer.alloc(16, 0x55);

describe("NTLM", () => {
  it.each([
    ["", "31d6cfe0d16ae931b73c59d7e0c089c0"],
    ["abc", "a448017aaf21d8525fc10ae87aa6729d"],
    [
      "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
      "e33b4ddc9c38f2199c3e7b164fcc0536",
    ],
  ])("hashes %p by MD4 as RFC 1320 does", (text, digest) => {
    expect(md4(Buffer.from(text)).toString("hex")).toBe(digest);
  });

  it("encrypts by RC4 as the vectors in use do", () => {
    expect(new Rc4(Buffer.from("Key")).apply(Buffer.from("Plaintext")).toString("hex")).toBe(
      "bbf316e8d940af0ad3",
    );
  });

  describe("in the example of MS-NLMP 4.2.4", () => {
    const owner = ntowfv2("Password", "User", "Domain");
    const authenticate = readAuthenticate(AUTHENTICATE);

    it("makes the same of the password", () => {
      expect(owner).toEqual(hex("0c868a403bfd7a93a3001ef22ef02e3f"));
    });

    it("reads who it is", () => {
      expect([authenticate.user, authenticate.domain, authenticate.hasMic]).toEqual([
        "User",
        "Domain",
        false,
      ]);
    });

    it("finds the session key in the proof that the password is known", () => {
      const baseKey = sessionBaseKey(owner, SERVER_CHALLENGE, authenticate.ntResponse);
      expect(baseKey).toEqual(hex("8de40ccadbc14a82f15cb0ad0de95ca3"));
      expect(exportedKey(baseKey, authenticate)).toEqual(SESSION_KEY);
    });

    it("takes no proof of another password", () => {
      const other = ntowfv2("password", "User", "Domain");
      expect(() => sessionBaseKey(other, SERVER_CHALLENGE, authenticate.ntResponse)).toThrow(
        "password is wrong",
      );
    });

    it("seals the same, and opens it", () => {
      const message = Buffer.from("Plaintext", "utf16le");
      const sealed = new Sealing(SESSION_KEY, 0xe28a8233, "client-to-server").seal(message);
      expect(sealed.data).toEqual(hex("54e50165bf1936dc996020c1811b0f06fb5f"));
      expect(sealed.signature).toEqual(hex("010000007fb38ec5c55d497600000000"));
      expect(new Sealing(SESSION_KEY, 0xe28a8233, "client-to-server").unseal(sealed)).toEqual(message);
    });
  });

  it("opens any sequence of messages, and none that was changed or comes out of turn", () => {
    const flags = FLAGS.key128 | FLAGS.keyExchange;
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1 }), { minLength: 2, maxLength: 5 }), (messages) => {
        const sender = new Sealing(SESSION_KEY, flags, "server-to-client");
        const receiver = new Sealing(SESSION_KEY, flags, "server-to-client");
        const sealed = messages.map((message) => sender.seal(Buffer.from(message)));
        for (const [i, one] of sealed.entries())
          expect(receiver.unseal(one)).toEqual(Buffer.from(messages[i] ?? []));
        const late = new Sealing(SESSION_KEY, flags, "server-to-client");
        expect(() => late.unseal(sealed[1] ?? sender.seal(Buffer.alloc(1)))).toThrow("signature");
      }),
      { numRuns: 30 },
    );
  });

  it("refuses whoever authenticates without having been challenged", () => {
    const acceptor = new NtlmAcceptor({
      credentials: { user: "User", password: "Password" },
      hostName: "HV",
    });
    expect(() => acceptor.accept(AUTHENTICATE)).toThrow("after a challenge");
  });

  it("grants of what a client asks for only what it can do", () => {
    const message = writeChallenge({
      ...{ flags: 0xffffffff, challenge: SERVER_CHALLENGE, hostName: "HVHOST1", timestamp: 0n },
    });
    const flags = message.readUInt32LE(20);
    expect(flags & FLAGS.seal).toBe(FLAGS.seal);
    expect(flags & 0x80).toBe(0);
  });

  it("finds a token of NTLM inside of one of SPNEGO, and answers in kind", () => {
    const ntlm = Buffer.from("NTLMSSP\0and more", "latin1");
    const first = hex("603006062b0601050502a0263024a00e300c060a2b06010401823702020aa2120410");
    expect(unwrapToken(Buffer.concat([first, ntlm])).ntlm).toEqual(ntlm);
    expect(unwrapToken(wrapToken(ntlm)).ntlm).toEqual(ntlm);
  });
});
