import { fromNative } from "../../../services/lxc-agent/src/native/from-native.ts";
import type { Corpus } from "../corpus.ts";
import { structuresOf } from "../program/facts.ts";
import { refused } from "../refused.ts";
import { rewritten } from "../rewritten.ts";
import type { Case, Suite } from "../suite.ts";

const FOLDER = "lxcconf2xmldata";

/** libvirt's own program for containers, which it puts into every document; LXC has none of it. */
const EMULATOR = /\s*<emulator>[^<]*<\/emulator>/;
/** Made up for each document. */
const UUID = /\s*<uuid>[^<]*<\/uuid>/;

/** Files of LXC read into libvirt's documents, by the names of before LXC 3 and of since then. */
export const lxcconf: Suite = {
  name: "lxcconf",
  about: "lxc.conf of containers read into libvirt's documents, or refused",
  goal: 95,
  cases: (corpus) =>
    structuresOf(corpus.program("lxcconf2xmltest.c"), "testInfo")
      .flatMap(({ name = "", expectError }) =>
        // The program runs each of its names with either form of the file, so each stands in it twice.
        ["", "-v3"].map((form) => caseOf(corpus, name, form, expectError === "true")),
      )
      .filter((one, i, all) => all.findIndex((other) => other.name === one.name) === i),
};

function caseOf(corpus: Corpus, name: string, form: string, mustFail: boolean): Case {
  return {
    name: `${name}${form}`,
    run: () => {
      const read = (): string => fromNative(corpus.read(FOLDER, `lxcconf2xml-${name}${form}.config`));
      if (mustFail) return refused(read);
      const expected = corpus.read(FOLDER, `lxcconf2xml-${name}.xml`).replace(EMULATOR, "").replace(UUID, "");
      return rewritten(expected, read(), "domain");
    },
  };
}
