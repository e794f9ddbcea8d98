import { countLines, summaryLine, type TestLine } from "./test-report.ts";

const began = (file: string): TestLine => ({ file, began: true });
const ended = (file: string, more: object = {}): TestLine => ({
  file,
  passed: 2,
  failed: 0,
  skipped: 0,
  leftOut: [],
  failures: [],
  couldNotRun: false,
  ...more,
});
const count = (lines: readonly TestLine[], ending: Parameters<typeof countLines>[3] = { code: 0 }) =>
  countLines("unit", 1, lines, ending);

describe("the report of a test run", () => {
  it("adds up the files and names every test that failed or was left out", () => {
    const lines = [
      began("a"),
      began("b"),
      ended("a", { failed: 1, failures: ["a fails"] }),
      ended("b", { skipped: 1, leftOut: ["b does more"] }),
    ];
    expect(count(lines, { code: 1 })).toEqual({
      name: "unit",
      passed: 4,
      failed: 1,
      skipped: 1,
      seconds: 1,
      leftOut: ["b does more"],
      failures: ["a fails"],
    });
  });

  it("counts a file that could not be run as a failure", () => {
    const lines = [began("b.test.ts"), ended("b.test.ts", { passed: 0, couldNotRun: true })];
    expect(count(lines, { code: 1 })).toMatchObject({
      passed: 0,
      failed: 1,
      failures: ["b.test.ts: could not be run"],
    });
  });

  it("keeps what was done before a run hung, and says where it hung", () => {
    const lines = [began("a.test.ts"), ended("a.test.ts"), began("/x/b.test.ts")];
    expect(count(lines, { hungAfterMinutes: 3 })).toMatchObject({
      passed: 2,
      failed: 1,
      failures: ["/x/b.test.ts: did not end", "jest did not end within 3 minutes; it was at b.test.ts"],
    });
  });

  it("fails when jest does, though no test failed", () => {
    expect(count([began("a"), ended("a")], { code: 1 })).toMatchObject({ passed: 2, failed: 1 });
    expect(count([], { hungAfterMinutes: 1 })).toMatchObject({ failed: 1 });
  });

  it("ends in a line that says passed and failed, and skipped only when something was", () => {
    expect(summaryLine({ passed: 3, failed: 0, skipped: 0 })).toBe("3 passed, 0 failed");
    expect(summaryLine({ passed: 3, failed: 1, skipped: 2 })).toBe("3 passed, 1 failed, 2 skipped");
  });
});
