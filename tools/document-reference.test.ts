import { int, nonEmpty, oneOf } from "@virtmesh/documents/schema/kinds";
import {
  attribute,
  child,
  defaulted,
  kept,
  marker,
  maybe,
  optional,
  repeated,
  textChild,
} from "@virtmesh/documents/schema/parts";
import { choice, element } from "@virtmesh/documents/schema/schema";
import { referencePage } from "./document-reference.ts";

const wheel = element({ rings: maybe("rings", int(1, 9)), name: textChild("name", nonEmpty) });
const schema = element({
  colour: defaulted(attribute("colour", oneOf("red", "green")), "red" as const),
  locked: marker("locked"),
  note: kept("note"),
  front: child("front", wheel),
  spares: repeated("spare", wheel),
  load: optional(
    child(
      "load",
      choice("type", {
        hay: { weight: attribute("weight", int(0, 5)), bales: maybe("bales", int(0, 3)) },
        milk: { weight: attribute("weight", int(0, 5)) },
      }),
    ),
  ),
});
const page = referencePage({ page: "cart", title: "Cart", about: "It rolls.", root: "cart", schema });

describe("the reference page of a document", () => {
  it("says what is allowed, what is taken for what is not there, and what is refused", () => {
    expect(page).toContain("| `@colour` | red, green | `red` |");
    expect(page).toContain("| `<locked/>` | there or not |  |");
    expect(page).toContain("| `<note>` | anything; it is kept as it is |  |");
    expect(page).toContain("| [`<front>`](#cart-front) | an element | refused |");
  });

  it("tells of a schema once, however often it is used", () => {
    expect(page).toContain("| [`<spare>`](#cart-front) | an element, any number |  |");
    expect(page.match(/## \/cart\/(front|spare)/g)).toEqual(["## /cart/front"]);
  });

  it("tells once what all variants have, and of each what it has besides", () => {
    const load = page.slice(page.indexOf("## /cart/load"));
    expect(load).toBe(`## /cart/load

| | allowed | when it is not there |
| --- | --- | --- |
| \`@type\` | hay, milk | refused |
| \`@weight\` | a whole number from 0 to 5 | refused |

With \`type="hay"\`:

| | allowed | when it is not there |
| --- | --- | --- |
| \`@bales\` | a whole number from 0 to 3 |  |
`);
  });
});
