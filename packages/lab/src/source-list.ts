/** An archive of a distribution, not one of a single vendor's packages. */
const DISTRIBUTION = /\/(debian|debian-security|ubuntu)\/?$/;

/**
 * What one of apt's files says about archives of the distribution, as `deb-src` lines. Both of apt's formats are
 * understood: a line each (`*.list`), and paragraphs (`*.sources`).
 */
export function sourceEntries(text: string, file: string): readonly string[] {
  return file.endsWith(".sources")
    ? text.split(/\n\s*\n/).flatMap(fromParagraph)
    : text.split("\n").flatMap(fromLine);
}

function fromLine(line: string): readonly string[] {
  const [, options = "", uri = "", rest = ""] =
    /^\s*deb\s+(\[[^\]]*\]\s+)?(\S+)\s+(.*?)\s*$/.exec(line) ?? [];
  return DISTRIBUTION.test(uri) ? [`deb-src ${options}${uri} ${rest}`] : [];
}

function fromParagraph(paragraph: string): readonly string[] {
  const fields = new Map(
    paragraph
      .split("\n")
      .filter((line) => !line.startsWith("#"))
      .map((line): [string, string[]] => {
        const [name = "", ...value] = line.split(":");
        return [name.trim().toLowerCase(), value.join(":").trim().split(/\s+/)];
      }),
  );
  if (fields.get("enabled")?.[0] === "no") return [];
  const [key = ""] = fields.get("signed-by") ?? [];
  const options = key.startsWith("/") ? `[signed-by=${key}] ` : "";
  const components = (fields.get("components") ?? []).join(" ");
  return (fields.get("uris") ?? [])
    .filter((uri) => DISTRIBUTION.test(uri))
    .flatMap((uri) =>
      (fields.get("suites") ?? []).map((suite) => `deb-src ${options}${uri} ${suite} ${components}`),
    );
}
