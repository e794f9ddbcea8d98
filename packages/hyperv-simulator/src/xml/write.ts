const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  // A parser would read it as a line feed.
  "\r": "&#13;",
};

export function escapeXml(text: string): string {
  return text.replaceAll(/[&<>"\r]/g, (c) => ESCAPES[c] ?? c);
}

export type Attributes = Readonly<Record<string, string>>;

/** An element around markup, which is written as it is. */
export function element(name: string, markup: string, attributes: Attributes = {}): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escapeXml(value)}"`);
  return markup === "" ? `<${name}${written.join("")}/>` : `<${name}${written.join("")}>${markup}</${name}>`;
}

/** An element around text. */
export function textElement(name: string, text: string, attributes: Attributes = {}): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escapeXml(value)}"`);
  return `<${name}${written.join("")}>${escapeXml(text)}</${name}>`;
}
