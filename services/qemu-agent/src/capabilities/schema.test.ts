import { QmpSchema } from "./schema.ts";

const schema = new QmpSchema([
  { name: "netdev_add", "meta-type": "command", "arg-type": "1" },
  {
    name: "1",
    "meta-type": "object",
    tag: "type",
    variants: [
      { case: "user", type: "2" },
      { case: "tap", type: "3" },
    ],
  },
  { name: "chardev-add", "meta-type": "command", "arg-type": "4" },
  {
    name: "4",
    "meta-type": "object",
    members: [
      { name: "id", type: "str" },
      { name: "backend", type: "5" },
    ],
  },
  { name: "5", "meta-type": "object", tag: "type", variants: [{ case: "socket", type: "6" }] },
]);

describe("what a command takes by QEMU's own description", () => {
  it("is the variants of its arguments, or of a member of them", () => {
    expect([...schema.variantsOf("netdev_add")]).toEqual(["user", "tap"]);
    expect([...schema.variantsOf("chardev-add", "backend")]).toEqual(["socket"]);
  });

  it("is nothing for a command or a member that is not there", () => {
    expect(schema.variantsOf("object-add").size).toBe(0);
    expect(schema.variantsOf("chardev-add", "other").size).toBe(0);
  });
});
