import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import type { HostAudio } from "@virtmesh/documents/domain/semantics/qemu/audio";
import type { QemuCompletion } from "@virtmesh/documents/domain/semantics/qemu/complete";
import type { Corpus } from "./corpus.ts";
import { flagOf, pretended, pretendedHost, recordedTraits } from "./qemu-traits.ts";

/** A definition for QEMU, the situation it is read in, and what it is then. */
export interface QemuCase {
  readonly name: string;
  readonly suffix: string;
  readonly active: boolean;
  readonly given: string;
  readonly expected: string;
  completion(definition: DomainDefinition): QemuCompletion;
}

/** The cases of qemuxml2xmltest, with the state of the program when it comes to each. */
export function qemuCases(corpus: Corpus): readonly QemuCase[] {
  const cases: QemuCase[] = [];
  const environment = new Map<string, string>();
  const settings = new Map<string, boolean>();
  let name = "";
  let args: readonly string[] = [];
  let condition = "";
  for (const fact of corpus.program("qemuxml2xmltest.c", "qemuxmlconftest.c")) {
    if (fact.kind === "structure" && fact.type === "testQemuInfo") name = fact.fields["name"] ?? "";
    if (fact.kind === "assignment") {
      const setting = /(?:cfg|config)->(\w+)$/.exec(fact.to)?.[1];
      if (setting !== undefined) settings.set(setting, fact.value === "true");
    }
    if (fact.kind === "condition") condition = fact.text;
    if (fact.kind !== "call") continue;
    const [first = "", second = "", third = ""] = fact.arguments;
    if (fact.function === "g_setenv") environment.set(first, second);
    if (fact.function === "g_unsetenv") environment.delete(first);
    if (fact.function === "testQemuInfoSetArgs") args = fact.arguments.slice(2);
    if (fact.function !== "testInfoSetPaths" || first !== "& info" || name === "") continue;
    const active = third === "WHEN_ACTIVE";
    if (!applies(condition)) continue;
    const expected = [`${name}-${active ? "active" : "inactive"}${second}`, `${name}${second}`]
      .map((file) => `qemuxml2xmloutdata/${file}.xml`)
      .find((file) => corpus.has(file));
    if (expected === undefined) continue;
    cases.push({
      ...{ name, suffix: second, active, given: `qemuxml2argvdata/${name}.xml`, expected },
      completion: completionOf(corpus, args, hostAudio(settings, environment)),
    });
  }
  return cases;
}

/** `WHEN_INACTIVE & WHEN_ACTIVE`: a case is for both unless it says otherwise. */
function applies(condition: string): boolean {
  const [left = "", right = ""] = condition.split("&").map((part) => part.trim());
  return left === right || left === "WHEN_BOTH" || !left.startsWith("WHEN_");
}

/** Where the sound of guests goes on that host. */
export function hostAudio(
  settings: ReadonlyMap<string, boolean>,
  environment: ReadonlyMap<string, string>,
): HostAudio {
  const type = environment.get("QEMU_AUDIO_DRV") as HostAudio["type"];
  const sdlDriver = environment.get("SDL_AUDIODRIVER");
  return {
    vnc: settings.get("vncAllowHostAudio") ?? false,
    headless: settings.get("nogfxAllowHostAudio") ?? false,
    ...(type === undefined ? {} : { type }),
    ...(sdlDriver === undefined ? {} : { sdlDriver }),
  };
}

/** What the tests have instead of random numbers. */
const UUID = "00010203-0405-4607-8809-0a0b0c0d0e0f";

const GIC_VERSIONS: Readonly<Record<string, readonly string[]>> = {
  GIC_V2: ["2"],
  GIC_V3: ["3"],
  GIC_BOTH: ["2", "3"],
};

/** The situation in which a case's definition is read, from what the program gives to the case. */
export function completionOf(
  corpus: Corpus,
  args: readonly string[],
  audio: HostAudio,
): QemuCase["completion"] {
  const after = (key: string) => args[args.indexOf(key) + 1] ?? "";
  const given = (key: string) => args.includes(key);
  const flags = new Set(args.filter((arg) => arg.startsWith("QEMU_CAPS_")).map(flagOf));
  const newDomain = given("ARG_PARSEFLAGS") && after("ARG_PARSEFLAGS").includes("ABI_UPDATE");
  const host = pretendedHost(corpus);
  return (definition) => {
    const arch = definition.os.type.arch ?? "x86_64";
    const traits = given("ARG_CAPS_ARCH")
      ? recordedTraits(corpus, after("ARG_CAPS_ARCH"), after("ARG_CAPS_VER"))
      : pretended(arch, flags, given("ARG_GIC") ? (GIC_VERSIONS[after("ARG_GIC")] ?? []) : []);
    return { traits, host, newDomain, audio, channelDirectory: "/tmp/channel", newUuid: () => UUID };
  };
}
