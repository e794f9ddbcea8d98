import { exactly, piecesOf } from "./byte-streams.ts";

async function* of(...chunks: string[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

async function textOf(data: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = [];
  for await (const chunk of data) all.push(chunk);
  return Buffer.concat(all).toString();
}

const wrong = {
  short: (bytes: bigint) => new Error(`short at ${bytes}`),
  long: (bytes: bigint) => new Error(`longer than ${bytes}`),
};

describe("bytes whose number was said", () => {
  it.each([
    ["that many", ["ab", "cd"], 4n, "abcd"],
    ["none", [], 0n, ""],
  ])("are given when they are %s", async (_, chunks, length, text) => {
    expect(await textOf(exactly(of(...chunks), () => length, wrong))).toBe(text);
  });

  it.each([
    ["fewer", ["ab"], 3n, "short at 2"],
    ["more", ["ab", "cd"], 3n, "longer than 3"],
    ["some instead of none", ["a"], 0n, "longer than 0"],
    ["of an unknown number at their end", ["ab"], undefined, "short at 2"],
  ])("are refused when they are %s", async (_, chunks, length, message) => {
    await expect(textOf(exactly(of(...chunks), () => length, wrong))).rejects.toThrow(message);
  });

  it("may have it said on the way", async () => {
    let length: bigint | undefined;
    async function* telling(): AsyncGenerator<Uint8Array> {
      yield* of("ab");
      length = 2n;
    }
    expect(await textOf(exactly(telling(), () => length, wrong))).toBe("ab");
  });
});

describe("pieces", () => {
  it("are the same bytes, none of them large", async () => {
    const sizes: number[] = [];
    for await (const piece of piecesOf(of("x".repeat(600_000), "y"))) sizes.push(piece.length);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(600_001);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(256 * 1024);
  });
});
