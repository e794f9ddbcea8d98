import { formatDomain, parseDomain } from "@virtmesh/documents/domain/document";
import { refused } from "../refused.ts";
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
        // libvirt reads these for the sake of old documents, but its schema does not allow them.
        if (name.endsWith("-invalid.xml")) return refused(() => parseDomain(given));
        return rewritten(given, formatDomain(parseDomain(given), { secure: true }), "domain");
      },
    }));
  },
};
