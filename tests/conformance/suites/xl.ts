import { fromXl } from "../../../services/xen-agent/src/xl-cfg/from-xl.ts";
import { OVMF } from "../../../services/xen-agent/src/xl-cfg/names.ts";
import { toXl } from "../../../services/xen-agent/src/xl-cfg/to-xl.ts";
import { dirname } from "node:path";
import { structuresOf } from "../program/facts.ts";
import { rewritten } from "../rewritten.ts";
import type { Suite } from "../suite.ts";
import { sameSettings } from "../xen-settings.ts";

/** What libvirt's test program puts the folder of firmware in the place of. */
const FOLDER = "/LIBXL_FIRMWARE_DIR";

/** The cases of xlconfigtest, each in the direction that the program says. */
export const xl: Suite = {
  name: "xl",
  about: "guests of Xen between libvirt's documents and xl.cfg",
  goal: 95,
  cases: (corpus) =>
    structuresOf(corpus.program("xlconfigtest.c"), "testInfo").map(({ name = "", mode }) => ({
      name: `${name} (${mode === "0" ? "to" : "from"} xl.cfg)`,
      run: () => {
        const config = corpus.read("xlconfigdata", `test-${name}.cfg`);
        const xml = corpus.read("xlconfigdata", `test-${name}.xml`).replaceAll(FOLDER, dirname(OVMF));
        return mode === "0" ? sameSettings(config, toXl(xml)) : rewritten(xml, fromXl(config), "domain");
      },
    })),
};
