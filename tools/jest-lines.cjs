const { appendFileSync } = require("node:fs");

/**
 * Writes a JSON line to the file in VIRTMESH_TEST_LINES when a file of tests begins and when it has ended, so that a
 * run that hangs and is killed still tells what it did.
 */
module.exports = class JestLines {
  #write(line) {
    appendFileSync(process.env.VIRTMESH_TEST_LINES, `${JSON.stringify(line)}\n`);
  }

  onTestFileStart(test) {
    this.#write({ file: test.path, began: true });
  }

  onTestFileResult(test, result) {
    this.#write({
      file: test.path,
      passed: result.numPassingTests,
      failed: result.numFailingTests,
      skipped: result.numPendingTests + result.numTodoTests,
      leftOut: result.testResults.filter((t) => t.status === "pending").map((t) => t.fullName),
      failures: result.testResults.filter((t) => t.status === "failed").map((t) => t.fullName),
      couldNotRun: result.testExecError !== undefined && result.testExecError !== null,
    });
  }
};
