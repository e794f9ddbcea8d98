import { formatDomain, parseDomain } from "@virtmesh/documents/domain/document";
import { completeQemuDomain } from "@virtmesh/documents/domain/semantics/qemu/complete";
import { firstDifference } from "../canonical.ts";
import { qemuCases } from "../qemu-cases.ts";
import { fail, PASS, type Suite } from "../suite.ts";

/** The cases of qemuxml2xmltest: what a definition means for QEMU, with defaults, implied devices and addresses. */
export const qemuXml2xml: Suite = {
  name: "qemu-xml2xml",
  about: "QEMU's domain definitions completed: defaults, implied devices, addresses",
  goal: 90,
  cases: (corpus) =>
    qemuCases(corpus).map((one) => ({
      name: `${one.name}${one.suffix} (${one.active ? "active" : "inactive"})`,
      run: () => {
        const given = parseDomain(corpus.read(one.given));
        const completed = completeQemuDomain(given, { ...one.completion(given), inactive: !one.active });
        const written = formatDomain(completed, {
          secure: true,
          inactive: !one.active,
        });
        const difference = firstDifference(corpus.read(one.expected), written);
        return difference === undefined
          ? { ...PASS, written: { schema: "domain", xml: written } }
          : fail(difference);
      },
    })),
};
