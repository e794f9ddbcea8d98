import { flagsOf, readTestProgram, structuresOf } from "./facts.ts";

const PROGRAM = `
#include "testutils.h"
struct testInfo {
    const char *name; /* of the file */
    unsigned int flags;
    bool fails, slow;
};
static const struct entry folders[] = {
    { .dir = "tests/one" }, { . dir = "tests/two", .pattern = "a.*" },
};
static int mymain(void) {
#define DO_TEST_FULL(name, flags, fails) \\
    do { \\
        const struct testInfo info = {name, flags, fails}; \\
        if (virTestRun("Test " name, compare, &info) < 0) \\
            ret = -1; \\
    } while (0)
#define DO_TEST(name) DO_TEST_FULL(name, 0, false)
#define DO_TEST_MANY(name, ...) run(#name, abs_srcdir "/" name, ## __VA_ARGS__)
    driver.caps = CAP_A | CAP_B;
    DO_TEST("first"); // DO_TEST("in a comment");
#if 0
    DO_TEST("never");
#else
    DO_TEST_FULL("second", (FLAG_A | FLAG_B), true);
#endif
    DO_TEST_MANY("third", ARG_CAPS, "x86_64");
    DO_TEST_MANY("fourth");
#undef DO_TEST
    DO_TEST("is a function now");
}
`;
const facts = readTestProgram(PROGRAM, { abs_srcdir: "/libvirt/tests" });

describe("a test program of libvirt", () => {
  it("lists its cases as structures, filled by position through macros", () => {
    expect(structuresOf(facts, "testInfo")).toEqual([
      { name: "first", flags: "0", fails: "false" },
      { name: "second", flags: "FLAG_A | FLAG_B", fails: "true" },
    ]);
    expect(flagsOf("FLAG_A | FLAG_B")).toEqual(new Set(["FLAG_A", "FLAG_B"]));
  });

  it("lists folders as arrays of structures, filled by name", () => {
    expect(facts).toContainEqual({
      kind: "array",
      type: "entry",
      name: "folders",
      items: [{ dir: "tests/one" }, { dir: "tests/two", pattern: "a.*" }],
    });
  });

  it("joins string literals, makes strings of arguments and hands on any number of them", () => {
    const calls = facts.filter((fact) => fact.kind === "call" && fact.function === "run");
    expect(calls.map((call) => call.kind === "call" && call.arguments)).toEqual([
      ['"third"', "/libvirt/tests/third", "ARG_CAPS", "x86_64"],
      ['"fourth"', "/libvirt/tests/fourth"],
    ]);
  });

  it("sets variables in between", () => {
    expect(facts).toContainEqual({ kind: "assignment", to: "driver.caps", value: "CAP_A | CAP_B" });
  });

  it("takes a macro back where the program does", () => {
    expect(facts).toContainEqual({ kind: "call", function: "DO_TEST", arguments: ["is a function now"] });
  });
});
