import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import type { QemuCompletion } from "@virtmesh/documents/domain/semantics/qemu/complete";
import type { Corpus } from "../corpus.ts";
import { completionOf, hostAudio } from "../qemu-cases.ts";

/** A definition, the arguments that libvirt makes of it, and how its host is set up. */
export interface ArgvCase {
  readonly name: string;
  readonly given: string;
  readonly expected: string;
  readonly settings: HostSettings;
  readonly incoming: boolean;
  completion(definition: DomainDefinition): QemuCompletion;
}

/** What qemu.conf says in libvirt's test program when it comes to a case, by name; strings as what they say. */
export type HostSettings = ReadonlyMap<string, string>;

/** The cases of qemuxml2argvtest for one architecture and the newest QEMU that the corpus has recorded. */
export function argvCases(corpus: Corpus, arch: string): readonly ArgvCase[] {
  const suffix = `.${arch}-latest`;
  const folder = corpus.folder("qemuxml2argvdata", "qemuxmlconfdata");
  const cases = new Map<string, ArgvCase>();
  const settings = new Map<string, string>();
  const environment = new Map<string, string>();
  let name = "";
  let args: readonly string[] = [];
  for (const fact of corpus.program("qemuxml2argvtest.c", "qemuxmlconftest.c")) {
    if (fact.kind === "structure" && fact.type === "testQemuInfo") name = fact.fields["name"] ?? "";
    if (fact.kind === "assignment") set(settings, fact.to, fact.value);
    if (fact.kind !== "call") continue;
    const [first = "", second = ""] = fact.arguments;
    if (fact.function === "VIR_FREE") settings.delete(settingOf(first.replaceAll(" ", "")) ?? "");
    if (fact.function === "g_setenv") environment.set(first, second);
    if (fact.function === "g_unsetenv") environment.delete(first);
    if (fact.function === "testQemuInfoSetArgs") args = fact.arguments.slice(2);
    if (fact.function !== "testInfoSetPaths" || second !== suffix || name === "") continue;
    const expected = `${folder}/${name}${suffix}.args`;
    if (!corpus.has(expected)) continue;
    const audio = hostAudio(switches(settings), environment);
    cases.set(name, {
      ...{ name, given: `${folder}/${name}.xml`, expected, settings: new Map(settings) },
      incoming: args.includes("ARG_MIGRATE_FROM"),
      completion: completionOf(corpus, args, audio),
    });
  }
  return [...cases.values()];
}

/** What the program sets that is not in qemu.conf, by the end of its place, and what it is called here. */
const PLACES: readonly (readonly [RegExp, string])[] = [
  [/vsock->guest_cid$/, "guest_cid"],
  [/data\.emulator\.source->data\.nix\.path$/, "emulator_socket"],
];

function settingOf(place: string): string | undefined {
  const other = PLACES.find(([end]) => end.test(place));
  if (other !== undefined) return other[1];
  return /^driver\.config->([\w[\].]+)$/.exec(place)?.[1];
}

/** `a->x = a->y = 1` sets both; a string is copied by a function. */
function set(settings: Map<string, string>, to: string, value: string): void {
  const name = settingOf(to) ?? hugepageSetting(settings, to);
  if (name === undefined) return;
  const [last = ""] = value.split("=").slice(-1);
  const text = /"([^"]*)"/.exec(last)?.[1] ?? last.trim();
  settings.set(name, text);
  for (const other of value.split("=").slice(0, -1)) {
    const also = settingOf(other.replaceAll(" ", ""));
    if (also !== undefined) settings.set(also, text);
  }
}

/** `hugetlbfs[0].mnt_dir = ...`, of which the reader of programs keeps what is behind the bracket. */
function hugepageSetting(settings: Map<string, string>, to: string): string | undefined {
  const member = /^\]\.(mnt_dir|size)$/.exec(to)?.[1];
  if (member === undefined) return undefined;
  const n = [...settings.keys()].filter((key) => key.startsWith("hugetlbfs[") && key.endsWith(member)).length;
  return `hugetlbfs[${n}].${member}`;
}

function switches(settings: HostSettings): ReadonlyMap<string, boolean> {
  return new Map([...settings].map(([name, value]) => [name, value === "true" || value === "1"]));
}
