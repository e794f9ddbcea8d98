import { errorDocument } from "./error-document.ts";

const SOURCE = `
export const REASONS = {
  // It is not there.
  DOMAIN_NOT_FOUND: "NOT_FOUND",
  // Something does not answer.
  HOST_GONE: "UNAVAILABLE",
} as const satisfies X;
`;

describe("the document of errors", () => {
  const text = errorDocument(SOURCE, [
    { reason: "DOMAIN_NOT_FOUND", code: "NOT_FOUND", exitCode: 3 },
    { reason: "HOST_GONE", code: "UNAVAILABLE", exitCode: 5 },
  ]);

  it("groups the reasons as the source does", () => {
    expect(text).toContain(
      "## It is not there\n\n| reason | code | exit |\n| --- | --- | --- |\n| `DOMAIN_NOT_FOUND` | NOT_FOUND | 3 |\n",
    );
    expect(text).toContain("## Something does not answer\n");
  });

  it("says what to do about each code that occurs", () => {
    expect(text).toContain("| UNAVAILABLE | Try again later");
    expect(text).not.toContain("| INTERNAL |");
  });
});
