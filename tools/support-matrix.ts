// `node tools/support-matrix.ts`: writes docs/support-matrix.md from what the drivers say of themselves; `--check`
// only compares.
import { writeOrCheck } from "./generated-document.ts";
import { supportDocument } from "./support-document.ts";
import { supportOfDrivers } from "./support-of-drivers.ts";

writeOrCheck("docs/support-matrix.md", supportDocument(await supportOfDrivers()));
