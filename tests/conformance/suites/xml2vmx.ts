import { VmxSettings } from "../../../services/esx-agent/src/vmx/settings.ts";
import { toVmx } from "../../../services/esx-agent/src/vmx/to-vmx.ts";
import type { Corpus } from "../corpus.ts";
import { structuresOf } from "../program/facts.ts";
import { fail, type Outcome, PASS, type Suite } from "../suite.ts";

const FOLDER = "xml2vmxdata";

/** Definitions written as files of VMware. */
export const xml2vmx: Suite = {
  name: "xml2vmx",
  about: "libvirt's documents written as .vmx files",
  goal: 95,
  cases: (corpus) =>
    structuresOf(corpus.program("xml2vmxtest.c"), "testInfo").map(
      ({ input = "", output = "", virtualHW_version: hardware = "" }) => ({
        name: input,
        run: () => runCase(corpus, input, output, Number(hardware)),
      }),
    ),
};

/** The order of settings means nothing, nor do capitals in their names. */
function runCase(corpus: Corpus, input: string, output: string, hardwareVersion: number): Outcome {
  const expected = settingsOf(corpus.read(FOLDER, `xml2vmx-${output}.vmx`));
  const written = settingsOf(toVmx(corpus.read(FOLDER, `xml2vmx-${input}.xml`), hardwareVersion));
  for (const name of expected.keys().toArray().concat(written.keys().toArray())) {
    const [wanted, found] = [expected.get(name), written.get(name)];
    if (wanted !== found)
      return fail(`${name}: ${wanted ?? "nothing"} was expected, ${found ?? "nothing"} was written`);
  }
  return PASS;
}

function settingsOf(text: string): ReadonlyMap<string, string> {
  const vmx = VmxSettings.read(text);
  return new Map(vmx.names().map((name) => [name, JSON.stringify(vmx.text(name))]));
}
