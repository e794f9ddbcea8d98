import { refusal } from "./refusal.ts";

/** A test for each document: its name, the document, and what the refusal must say. */
export function refuses(
  parse: (xml: string) => unknown,
  cases: readonly (readonly [name: string, xml: string, message: string])[],
): void {
  it.each(cases)("%s", (_, xml, message) => {
    const error = refusal(() => parse(xml));
    expect(error.reason).toMatch(/^XML_/);
    expect(error.message).toContain(message);
    expect(error.context.metadata).toMatchObject({ line: expect.stringMatching(/^\d+$/) as string });
  });
}
