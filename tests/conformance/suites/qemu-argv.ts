import { VirtError } from "@virtmesh/core/errors";
import { completeDomain } from "@virtmesh/documents/domain/complete";
import { parseDomain } from "@virtmesh/documents/domain/document";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { completeQemuDomain } from "@virtmesh/documents/domain/semantics/qemu/complete";
import type { QemuCapabilities } from "../../../services/qemu-agent/src/capabilities/model.ts";
import { buildCommandLine } from "../../../services/qemu-agent/src/cmdline/build.ts";
import { machineOf } from "../../../services/qemu-agent/src/cmdline/machine-types.ts";
import { withFirmware } from "../../../services/qemu-agent/src/firmware/choose.ts";
import type { FirmwareDescriptor } from "../../../services/qemu-agent/src/firmware/descriptor.ts";
import { hostFirmware } from "../../../services/qemu-agent/src/firmware/host-firmware.ts";
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
    const firmware = await hostFirmware(
      ["usr/share", "etc"].map((folder) => corpus.path("qemufirmwaredata", folder, "qemu/firmware")),
    );
    const host = { capabilities, firmware };
    return argvCases(corpus, ARCH).map((one) => ({
      name: one.name,
      run: () => {
        const differences = differencesOf(one, corpus, host);
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

interface PretendedHost {
  readonly capabilities: QemuCapabilities;
  readonly firmware: readonly FirmwareDescriptor[];
}

function differencesOf(one: ArgvCase, corpus: Corpus, pretended: PretendedHost): readonly Difference[] {
  const built = refusalOr(() => build(one, corpus, pretended));
  if ("refusal" in built) return [built.refusal];
  const { machines } = pretended.capabilities;
  const host = {
    machine: (name: string) => machines.find((m) => m.alias === name)?.name ?? name,
    handed: new Set([one.settings.get("emulator_socket") ?? ""]),
  };
  const expected = readCommand(corpus.read(one.expected)).args;
  return compareGraphs(graphOf(expected, host), graphOf(built.result, host));
}

function build(one: ArgvCase, corpus: Corpus, { capabilities, firmware }: PretendedHost): readonly string[] {
  const given = parseDomain(corpus.read(one.given));
  const defined = completeQemuDomain(given, one.completion(given));
  // What is left open is chosen when the guest is about to start.
  const completed = completeQemuDomain(defined, { ...one.completion(given), newDomain: true });
  const starting = withContextId(completed, one.settings);
  const { name: machine } = machineOf(starting, capabilities);
  const variables = `${one.settings.get("nvramDir") ?? ""}/${starting.name}_VARS.fd`;
  const { definition } = completeDomain(withFirmware(starting, machine, firmware, variables));
  return buildCommandLine(definition, capabilities, pretendedRuntime(definition, one.settings, one.incoming));
}

/** The address that libvirt's test program gives to guests that leave it open. */
function withContextId(definition: DomainDefinition, settings: ArgvCase["settings"]): DomainDefinition {
  const address = Number(settings.get("guest_cid") ?? "3");
  const vsocks = definition.devices.vsocks.map((vsock) =>
    vsock.cid?.auto === true ? { ...vsock, cid: { ...vsock.cid, address } } : vsock,
  );
  return { ...definition, devices: { ...definition.devices, vsocks } };
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
