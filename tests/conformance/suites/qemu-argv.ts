import { VirtError } from "@virtmesh/core/errors";
import { completeDomain } from "@virtmesh/documents/domain/complete";
import { parseDomain } from "@virtmesh/documents/domain/document";
import { completeQemuDomain } from "@virtmesh/documents/domain/semantics/qemu/complete";
import type { QemuCapabilities } from "../../../services/qemu-agent/src/capabilities/model.ts";
import { buildCommandLine } from "../../../services/qemu-agent/src/cmdline/build.ts";
import type { ArgvCase } from "../argv/cases.ts";
import { argvCases } from "../argv/cases.ts";
import { readCommand } from "../argv/command-line.ts";
import type { Difference } from "../argv/compare.ts";
import { compareGraphs } from "../argv/compare.ts";
import { graphOf } from "../argv/graph.ts";
import { pretendedRuntime } from "../argv/pretended-host.ts";
import { capabilitiesOf, latestRecording } from "../argv/replay.ts";
import type { Corpus } from "../corpus.ts";
import { fail, PASS, type Suite } from "../suite.ts";

const ARCH = "x86_64";

/** What libvirt starts QEMU with, and what the agent does: the same devices, backends, properties and wiring. */
export const qemuArgv: Suite = {
  name: "qemu-argv",
  about: "arguments for the newest QEMU on x86_64 that mean the same as libvirt's",
  goal: 85,
  cases: async (corpus) => {
    const capabilities = await capabilitiesOf(latestRecording(corpus, ARCH), `/usr/bin/qemu-system-${ARCH}`);
    return argvCases(corpus, ARCH).map((one) => ({
      name: one.name,
      run: () => {
        const differences = differencesOf(one, corpus, capabilities);
        if (differences.length === 0) return PASS;
        const text = differences.map(({ kind, detail }) => `${kind} (${detail})`).join("; ");
        return fail(
          text,
          differences.map(({ kind }) => kind),
        );
      },
    }));
  },
};

function differencesOf(one: ArgvCase, corpus: Corpus, capabilities: QemuCapabilities): readonly Difference[] {
  const built = refusalOr(() => build(one, corpus, capabilities));
  if ("refusal" in built) return [built.refusal];
  const host = {
    machine: (name: string) => capabilities.machines.find((m) => m.alias === name)?.name ?? name,
  };
  const expected = readCommand(corpus.read(one.expected)).args;
  return compareGraphs(graphOf(expected, host), graphOf(built.result, host));
}

function build(one: ArgvCase, corpus: Corpus, capabilities: QemuCapabilities): readonly string[] {
  const given = parseDomain(corpus.read(one.given));
  const defined = completeQemuDomain(given, one.completion(given));
  // What is left open is chosen when the guest is about to start.
  const starting = completeQemuDomain(defined, { ...one.completion(given), newDomain: true });
  const { definition } = completeDomain(starting);
  return buildCommandLine(definition, capabilities, pretendedRuntime(definition, one.settings, one.incoming));
}

/** A refusal is a difference too; its kind is its place, and its reason without the names of the case. */
function refusalOr<T>(work: () => T): { readonly result: T } | { readonly refusal: Difference } {
  try {
    return { result: work() };
  } catch (e) {
    if (!VirtError.is(e)) throw e;
    const kind = `refused: ${e.message.replaceAll(/"[^"]*"/g, '"..."').replaceAll(/\[?\d+\]?/g, "")}`;
    return { refusal: { kind, detail: e.message } };
  }
}
