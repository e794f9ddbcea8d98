import { LiveArea } from "./live.ts";

describe("a live area", () => {
  it("draws in the place of what it drew before and gives the cursor back", () => {
    let written = "";
    {
      using area = new LiveArea({ columns: 40, write: (text) => (written += text) });
      area.draw(["a", "b"]);
      area.draw(["c"]);
      expect(area.width).toBe(40);
    }
    expect(written).toBe("\u001b[?25l\r\u001b[Ja\nb\n\u001b[2A\r\u001b[Jc\n\u001b[?25h");
  });
});
