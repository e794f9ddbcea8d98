import { ntowfV2, responsesV2, sealKey, signKey } from "./keys.ts";
import { md4 } from "./md4.ts";
import { authenticateMessage, negotiateMessage, readChallenge } from "./messages.ts";
import { Rc4 } from "./rc4.ts";
import { Sealing } from "./sealing.ts";

function hex(text: string): Buffer {
  return Buffer.from(text.replace(/\s/g, ""), "hex");
}

// MS-NLMP 4.2.1 and 4.2.4: the values that Microsoft has published.
const IDENTITY = { user: "User", password: "Password", domain: "Domain", workstation: "COMPUTER" };
const NONCES = { clientChallenge: hex("aa".repeat(8)), sessionKey: hex("55".repeat(16)), time: 0n };
const CHALLENGE = hex(`
  4e544c4d53535000 02000000 0c000c0038000000 33828ae2 0123456789abcdef 0000000000000000 2400240044000000
  060070170000000f 530065007200760065007200 02000c0044006f006d00610069006e00 01000c00530065007200760065007200 00000000`);
const AUTHENTICATE = hex(`
  4e544c4d53535000 03000000 180018006c000000 5400540084000000 0c000c0048000000 0800080054000000 100010005c000000
  10001000d8000000 358288e2 0501280a0000000f 44006f006d00610069006e00 5500730065007200 43004f004d0050005500540045005200
  86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa 68cd0ab851e51c96aabc927bebef6a1c 0101000000000000 0000000000000000
  aaaaaaaaaaaaaaaa 00000000 02000c0044006f006d00610069006e00 01000c00530065007200760065007200 00000000 00000000
  c5dad2544fc9799094ce1ce90bc9d03e`);
const VERSION = [64, 72] as const;

function withoutVersion(message: Buffer): Buffer {
  return Buffer.from(message).fill(0, ...VERSION);
}

describe("NTLM, by the values that Microsoft has published", () => {
  it.each([
    ["", "31d6cfe0d16ae931b73c59d7e0c089c0"],
    ["abc", "a448017aaf21d8525fc10ae87aa6729d"],
    ["1234567890".repeat(8), "e33b4ddc9c38f2199c3e7b164fcc0536"],
  ])('makes of "%s" the digest of RFC 1320', (text, digest) => {
    expect(md4(Buffer.from(text)).toString("hex")).toBe(digest);
  });

  it("ciphers as a stream, in as many pieces as one likes", () => {
    const stream = new Rc4(Buffer.from("Key"));
    const pieces = [stream.apply(Buffer.from("Plain")), stream.apply(Buffer.from("text"))];
    expect(Buffer.concat(pieces)).toEqual(hex("bbf316e8d940af0ad3"));
  });

  it("derives the key of a password and its answers to a challenge (4.2.4.1, 4.2.4.2)", () => {
    const key = ntowfV2(IDENTITY.user, IDENTITY.password, IDENTITY.domain);
    expect(key).toEqual(hex("0c868a403bfd7a93a3001ef22ef02e3f"));
    const { serverChallenge, targetInfo } = readChallenge(CHALLENGE);
    const answers = responsesV2(key, serverChallenge, NONCES.clientChallenge, 0n, targetInfo);
    expect(answers.sessionBaseKey).toEqual(hex("8de40ccadbc14a82f15cb0ad0de95ca3"));
    expect(answers.lm.subarray(0, 16)).toEqual(hex("86c35097ac9cec102554764a57cccc19"));
    expect(answers.nt.subarray(0, 16)).toEqual(hex("68cd0ab851e51c96aabc927bebef6a1c"));
  });

  it("answers the challenge with the message that Microsoft shows (4.2.4.3)", () => {
    const message = authenticateMessage(negotiateMessage(), readChallenge(CHALLENGE), IDENTITY, NONCES);
    expect(withoutVersion(message)).toEqual(withoutVersion(AUTHENTICATE));
  });

  it("seals and signs (4.2.4.4)", () => {
    expect(sealKey(NONCES.sessionKey, "client-to-server")).toEqual(hex("59f600973cc4960a25480a7c196e4c58"));
    expect(signKey(NONCES.sessionKey, "client-to-server")).toEqual(hex("4788dc861b4782f35d43fd98fe1a2d39"));
    const plain = Buffer.from("Plaintext", "utf16le");
    const { sealed, signature } = new Sealing(NONCES.sessionKey, "client-to-server").seal(plain);
    expect(sealed).toEqual(hex("54e50165bf1936dc996020c1811b0f06fb5f"));
    expect(signature).toEqual(hex("010000007fb38ec5c55d497600000000"));
  });
});

describe("NTLM", () => {
  it("opens what was sealed, in order, and nothing that was changed", () => {
    const [ours, theirs] = [0, 1].map(() => new Sealing(NONCES.sessionKey, "server-to-client"));
    for (const text of ["one", "two", ""]) {
      const { signature, sealed } = ours?.seal(Buffer.from(text)) ?? { signature: hex(""), sealed: hex("") };
      expect(theirs?.unseal(signature, sealed).toString()).toBe(text);
    }
    const { signature, sealed } = ours?.seal(Buffer.from("three")) ?? { signature: hex(""), sealed: hex("") };
    sealed.writeUInt8(sealed.readUInt8() ^ 1);
    expect(() => theirs?.unseal(signature, sealed)).toThrow(/changed on its way/);
  });

  it("covers all three messages with a code when the server tells its time", () => {
    const info = hex("0700080000000000000000010000 0000");
    const head = Buffer.from(CHALLENGE.subarray(0, 56));
    head.writeUInt16LE(info.length, 40);
    head.writeUInt16LE(info.length, 42);
    head.writeUInt32LE(56, 44);
    const challenge = readChallenge(Buffer.concat([head, info]));
    const message = authenticateMessage(negotiateMessage(), challenge, IDENTITY, NONCES);
    expect(message.subarray(72, 88)).not.toEqual(Buffer.alloc(16));
    // With a code the older answer says nothing.
    const lm = message.readUInt32LE(16);
    expect(message.subarray(lm, lm + 24)).toEqual(Buffer.alloc(24));
    expect(message.toString("hex")).toContain("0600040002000000");
  });

  it.each([
    ["no challenge", Buffer.from("NTLMSSP\0xxxx"), /no challenge/],
    ["one without sealing", Buffer.from(CHALLENGE).fill(0, 20, 24), /does not seal/],
    ["one that is cut off", CHALLENGE.subarray(0, 60), /cut off/],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => readChallenge(bytes)).toThrow(message);
  });
});
