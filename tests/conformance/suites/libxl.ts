import { parseDomain } from "@virtmesh/documents/domain/document";
import { factsOf } from "@virtmesh/documents/domain/facts";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { libxlConfig } from "../../../services/xen-agent/src/xl-cfg/to-libxl.ts";
import { structuresOf } from "../program/facts.ts";
import { fail, type Outcome, PASS, type Suite } from "../suite.ts";

const FOLDER = "libxlxml2domconfigdata";

/** What the stand-in for libxl in libvirt's tests says of the memory for page tables. */
const SHADOW_KIB = 1234;

/** The cases of libxlxml2domconfigtest. */
export const libxl: Suite = {
  name: "libxl",
  about: "what libxl is asked for when a guest starts",
  goal: 95,
  cases: (corpus) =>
    structuresOf(corpus.program("libxlxml2domconfigtest.c"), "testInfo").map(({ name = "" }) => ({
      name,
      run: () => {
        const definition = withPorts(parseDomain(corpus.read(FOLDER, `${name}.xml`)));
        const expected: unknown = JSON.parse(corpus.read(FOLDER, `${name}.json`));
        return sameFacts(expected, libxlConfig(definition, { shadowKib: SHADOW_KIB }));
      },
    })),
};

/** libvirt chooses the ports of screens itself, from 5900 on. */
function withPorts(definition: DomainDefinition): DomainDefinition {
  const { devices } = definition;
  const graphics = devices.graphics.map((one) =>
    one.type === "vnc" && (one.port ?? -1) === -1 ? { ...one, port: 5900, autoport: false } : one,
  );
  return { ...definition, devices: { ...devices, graphics } };
}

function sameFacts(expected: unknown, written: unknown): Outcome {
  const [wanted, found] = [factsOf(expected), factsOf(written)];
  for (const path of new Set([...wanted.keys(), ...found.keys()])) {
    const [left = "nothing", right = "nothing"] = [wanted.get(path), found.get(path)];
    if (left !== right) return fail(`${path}: ${left} was expected, ${right} was written`);
  }
  return PASS;
}
