// Reads the largest documents that the bounds let in, and says of each whether it was read or refused.
// A program of its own, so that a test can give it little memory.
import { VirtError } from "@virtmesh/core/errors";
import { readXml, XML_LIMITS } from "../xml/read.ts";
import { minimal } from "./domains.ts";
import { KINDS } from "./kinds.ts";

const { characters, elements } = XML_LIMITS;

function filled(before: string, item: (i: number) => string, after: string): string {
  const items: string[] = [];
  let left = characters - before.length - after.length;
  for (let i = 0; items.length < elements - 100; i++) {
    const one = item(i);
    left -= one.length;
    if (left < 0) break;
    items.push(one);
  }
  return before + items.join("") + after;
}

const attributes = (i: number): string => Array.from({ length: 60 }, (_, k) => `a${k}='${i}'`).join(" ");
const [domainHead = "", domainTail = ""] = minimal("", "<!-- here -->").split("<!-- here -->");

const WORST: readonly string[] = [
  filled("<a>", () => "<b/>", "</a>"),
  filled("<a>", (i) => `<b ${attributes(i)}/>`, "</a>"),
  filled("<a>", () => "&amp;", "</a>"),
  filled("<a>", () => "x<!-- -->", "</a>"),
  filled(`<a x='`, () => "y='", "'/>"),
  `${"<a>".repeat(60)}${"x".repeat(characters - 500)}${"</a>".repeat(60)}`,
  filled(domainHead, (i) => `<disk><target dev='vd${i}' bus='virtio'/></disk>`, domainTail),
  filled(domainHead, () => `<interface type='user'/>`, domainTail),
  filled(
    "<network><name>n</name><forward mode='bridge'>",
    (i) => `<interface dev='e${i}'/>`,
    "</forward></network>",
  ),
  filled("<filter name='f'>", () => "<rule action='drop' direction='in'/>", "</filter>"),
  filled("<cpu>", (i) => `<feature name='f${i}'/>`, "</cpu>"),
  filled("<metadata>", (i) => `<m:x xmlns:m='u:${i}'/>`, "</metadata>"),
];

const bare = { root: "any", parse: readXml };

for (const xml of WORST) {
  for (const { root, parse } of [bare, ...KINDS.filter((kind) => xml.startsWith(`<${kind.root}`))]) {
    try {
      parse(xml);
      console.log(`${root} read`);
    } catch (e) {
      if (!VirtError.is(e)) throw e;
      console.log(`${root} ${e.reason}`);
    }
  }
}
