import { Readable } from "node:stream";
import { typed } from "./console.ts";

async function typedOf(...chunks: string[]) {
  let left = false;
  const parts: string[] = [];
  for await (const part of typed(Readable.from(chunks.map((c) => Buffer.from(c))), () => (left = true)))
    parts.push(part.toString());
  return { parts, left };
}

describe("what is typed into a console", () => {
  it("goes to the guest as it is, Ctrl-C too", async () => {
    expect(await typedOf("ls\r", "\u0003")).toEqual({ parts: ["ls\r", "\u0003"], left: false });
  });

  it("ends at Ctrl-], and nothing after it is sent", async () => {
    expect(await typedOf("ab\u001dcd", "ef")).toEqual({ parts: ["ab"], left: true });
    expect(await typedOf("\u001d")).toEqual({ parts: [], left: true });
  });
});
