import { hears } from "./init.ts";

describe("the first process of a container", () => {
  const status = (caught: string, blocked = "0000000000000000"): string =>
    `Name:\tinit\nSigBlk:\t${blocked}\nSigCgt:\t${caught}\n`;

  it("hears a signal that it catches, or that it blocks and waits for by other means", () => {
    expect(hears(status("0000000000000800"), "", 12)).toBe(true);
    expect(hears(status("0000000000000000", "0000001000000000"), "", 37)).toBe(true);
  });

  it("hears any when it waits for signals", () => {
    expect(hears(status("0000000000000000"), "do_sigtimedwait.isra.0", 12)).toBe(true);
  });

  it("does not hear any other, nor when it is gone", () => {
    expect(hears(status("0000000000000800"), "ep_poll", 30)).toBe(false);
    expect(hears("", "", 12)).toBe(false);
  });
});
