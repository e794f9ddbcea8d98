import { formatDomain, parseDomain } from "@virtmesh/documents/domain/document";
import { rewritten } from "../rewritten.ts";
import type { Suite } from "../suite.ts";

/** Every definition that libvirt itself wrote: what is read is written, and nothing is lost. */
export const qemuRoundtrip: Suite = {
  name: "qemu-roundtrip",
  about: "QEMU's domain definitions as libvirt writes them: read and written again without loss",
  goal: 100,
  cases: (corpus) => {
    const folder = corpus.folder("qemuxml2xmloutdata", "qemuxmlconfdata");
    return corpus.list(folder).map((name) => ({
      name,
      run: () => {
        const given = corpus.read(folder, name);
        return rewritten(given, formatDomain(parseDomain(given), { secure: true }), "domain");
      },
    }));
  },
};
