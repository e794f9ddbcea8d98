import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { completeQemuDomain } from "@virtmesh/documents/domain/semantics/qemu/complete";
import { validateQemuDomain } from "@virtmesh/documents/domain/semantics/qemu/validate";
import type { Corpus } from "./corpus.ts";
import { type Fact, flagsOf, structuresOf } from "./program/facts.ts";
import { completionOf, hostAudio } from "./qemu-cases.ts";

/** Why libvirt refuses a document that follows its schema. */
export interface Refusal {
  /** As libvirt says it, where the corpus tells. */
  readonly says: string;
  /** It is refused only for what one binary of QEMU, or one host, cannot do. */
  readonly isOfHost: boolean;
  /** Gives a definition that can be read all that the driver gives it, which is where it may be refused. */
  complete?(definition: DomainDefinition): unknown;
}

/**
 * The documents that libvirt's own test programs expect to be refused, by path from the top of the source tree. One that is
 * accepted in another case is not among them.
 */
export function refusals(corpus: Corpus): ReadonlyMap<string, Refusal> {
  return new Map([
    ...refusedBy(corpus, "genericxml2xmltest.c", "expectResult", /FAIL_PARSE$/, "genericxml2xmlindata/"),
    ...refusedBy(corpus, "networkxml2xmltest.c", "expectResult", /FAIL_PARSE$/, "networkxml2xmlin/"),
    ...refusedBy(corpus, "bhyvexml2argvtest.c", "flags", /PARSE_ERROR/, "bhyvexml2argvdata/bhyvexml2argv-"),
    ...refusedByQemu(corpus),
  ]);
}

function refusedBy(
  corpus: Corpus,
  program: string,
  field: string,
  isRefused: RegExp,
  start: string,
): readonly [string, Refusal][] {
  return structuresOf(corpus.program(program), "testInfo")
    .filter((info) => isRefused.test(info[field] ?? ""))
    .map((info) => [`tests/${start}${info["name"]}.xml`, { says: "", isOfHost: false }]);
}

/** How libvirt speaks of what a binary or a host cannot do. */
const OF_HOST =
  /QEMU binary|this QEMU|version of QEMU|^[^:]*: Emulator '|by hypervisor|on \w+ host|SPAPR|host doesn't/i;

function refusedByQemu(corpus: Corpus): readonly [string, Refusal][] {
  const folder = corpus.folder("qemuxml2argvdata", "qemuxmlconfdata");
  const errors = corpus.list(folder, ".err");
  return [...outcomes(corpus.program("qemuxml2argvtest.c", "qemuxmlconftest.c"))]
    .filter(([, { isAccepted }]) => !isAccepted)
    .map(([name, { args }]) => {
      const file = errors.find((error) => error === `${name}.err` || error.startsWith(`${name}.`));
      const says = file === undefined ? "" : corpus.read(folder, file).trim();
      const situation = completionOf(corpus, args, hostAudio(new Map(), new Map()));
      const complete = (definition: DomainDefinition) =>
        validateQemuDomain(completeQemuDomain(definition, situation(definition)));
      return [`tests/${folder}/${name}.xml`, { says, isOfHost: OF_HOST.test(says), complete }];
    });
}

interface Outcomes {
  /** In at least one of its cases. */
  readonly isAccepted: boolean;
  /** What the last case gives to libvirt's driver. */
  readonly args: readonly string[];
}

function outcomes(facts: readonly Fact[]): ReadonlyMap<string, Outcomes> {
  const byName = new Map<string, Outcomes>();
  let name = "";
  for (const fact of facts) {
    if (fact.kind === "structure" && fact.type === "testQemuInfo") name = fact.fields["name"] ?? "";
    if (fact.kind !== "call" || fact.function !== "testQemuInfoSetArgs" || name === "") continue;
    const flags = fact.arguments[fact.arguments.indexOf("ARG_FLAGS") + 1];
    const isRefused = fact.arguments.includes("ARG_FLAGS") && flagsOf(flags).has("FLAG_EXPECT_PARSE_ERROR");
    const isAccepted = byName.get(name)?.isAccepted === true || !isRefused;
    byName.set(name, { isAccepted, args: fact.arguments.slice(2) });
  }
  return byName;
}
