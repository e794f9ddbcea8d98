import { Slot } from "./slot.ts";

describe("Slot", () => {
  it("gives values in the order in which they were put", async () => {
    const slot = new Slot<number>();
    const writing = (async () => {
      for (let i = 0; i < 5; i++) await slot.put(i);
      slot.end();
    })();
    const got: number[] = [];
    for (let v = await slot.take(); v !== undefined; v = await slot.take()) got.push(v);
    await writing;
    expect(got).toEqual([0, 1, 2, 3, 4]);
  });

  it("holds the writer until the value was taken", async () => {
    const slot = new Slot<string>();
    let done = false;
    const putting = slot.put("a").then(() => {
      done = true;
    });
    await Promise.resolve();
    expect(done).toBe(false);
    expect(await slot.take()).toBe("a");
    await putting;
    expect(done).toBe(true);
  });

  it("pokes only a reader that waits", async () => {
    const slot = new Slot<string>();
    expect(slot.poke("nobody")).toBe(false);
    const taking = slot.take();
    expect(slot.poke("reader")).toBe(true);
    expect(await taking).toBe("reader");
  });

  it("releases the writer and gives the reader the error at the end", async () => {
    const slot = new Slot<string>();
    const putting = slot.put("last");
    slot.end(new Error("broken"));
    await putting;
    expect(await slot.take()).toBe("last");
    await expect(slot.take()).rejects.toThrow("broken");
  });
});
