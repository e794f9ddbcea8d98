// `node tools/error-table.ts`: writes docs/errors.md from the reasons in packages/core; `--check` only compares.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { exitCodeOf } from "@virtmesh/cli/exit-codes";
import { REASONS, type Reason, VirtError } from "@virtmesh/core/errors";
import { errorDocument } from "./error-document.ts";
import { writeOrCheck } from "./generated-document.ts";

const source = readFileSync(join(import.meta.dirname, "../packages/core/src/errors.ts"), "utf8");
const rows = (Object.keys(REASONS) as Reason[]).map((reason) => ({
  reason,
  code: REASONS[reason],
  exitCode: exitCodeOf(new VirtError(reason, "")),
}));
writeOrCheck("docs/errors.md", errorDocument(source, rows));
