import { dirname } from "node:path";
import { fromXl } from "../../../services/xen-agent/src/xl-cfg/from-xl.ts";
import { fromXm } from "../../../services/xen-agent/src/xl-cfg/from-xm.ts";
import { OVMF } from "../../../services/xen-agent/src/xl-cfg/names.ts";
import { toXl } from "../../../services/xen-agent/src/xl-cfg/to-xl.ts";
import { toXm } from "../../../services/xen-agent/src/xl-cfg/to-xm.ts";
import { structuresOf } from "../program/facts.ts";
import { rewritten } from "../rewritten.ts";
import type { Suite } from "../suite.ts";
import { sameSettings } from "../xen-settings.ts";

/** What libvirt's test program has in the place of the folder of firmware. */
const FOLDER = "/LIBXL_FIRMWARE_DIR";

/** The cases of xlconfigtest, each in the direction that the program says. */
export const xl = suiteOf("xl", "guests of Xen between libvirt's documents and xl.cfg", toXl, fromXl);

/** The cases of xmconfigtest. */
export const xm = suiteOf("xm", "the same for xm, the toolstack before xl", toXm, fromXm);

/** libvirt writes KB for the KiB of its documents; xl takes them for thousands of bytes. */
function withBytes(config: string): string {
  return config.replace(/rate=(\d+)KB\/s/g, (_, kib: string) => `rate=${Number(kib) * 1024}B/s`);
}

function suiteOf(
  name: string,
  about: string,
  to: (xml: string) => string,
  from: (text: string) => string,
): Suite {
  const folder = `${name}configdata`;
  return {
    ...{ name, about, goal: 95 },
    cases: (corpus) =>
      structuresOf(corpus.program(`${name}configtest.c`), "testInfo").map(({ name: file = "", mode }) => ({
        name: `${file} (${mode === "0" ? "to" : "from"} ${name})`,
        run: () => {
          const config = corpus.read(folder, `test-${file}.cfg`);
          const xml = corpus.read(folder, `test-${file}.xml`).replaceAll(FOLDER, dirname(OVMF));
          return mode === "0"
            ? sameSettings(withBytes(config), to(xml))
            : rewritten(xml, from(config), "domain");
        },
      })),
  };
}
