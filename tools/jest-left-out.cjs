const { TestEnvironment } = require("jest-environment-node");

/**
 * Skips a test that turns out not to apply, when that is known only after it was declared: its function has `leftOut`,
 * which says what is missing. The name in the report says so too.
 */
module.exports = class LeftOutEnvironment extends TestEnvironment {
  handleTestEvent({ name, test }, { testNamePattern }) {
    // After a failed beforeAll nothing is known, and the test fails for that.
    if (name !== "test_start" || test.errors.length > 0) return;
    // Nothing was opened for tests that were not asked for.
    if (testNamePattern && !testNamePattern.test(fullName(test))) return;
    const missing = test.fn?.leftOut?.() ?? [];
    if (missing.length === 0) return;
    test.mode = "skip";
    test.name += ` (left out: needs ${missing.join(", ")})`;
  }
};

function fullName({ name, parent }) {
  return parent === undefined || parent.name === "ROOT_DESCRIBE_BLOCK" ? name : `${fullName(parent)} ${name}`;
}
