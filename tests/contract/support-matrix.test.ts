import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CONTAINER_NEEDS, ensurePackages } from "@virtmesh/lab/apt";
import { supportDocument } from "../../tools/support-document.ts";
import { supportOfDrivers } from "../../tools/support-of-drivers.ts";

it("docs/support-matrix.md says what the drivers say; node tools/support-matrix.ts writes it anew", async () => {
  await ensurePackages(CONTAINER_NEEDS);
  const committed = readFileSync(join(__dirname, "../../docs/support-matrix.md"), "utf8");
  expect(committed).toBe(supportDocument(await supportOfDrivers()));
});
