import {
  completeStoragePool,
  formatStoragePool,
  parseStoragePool,
} from "@virtmesh/documents/storage-pool/document";
import {
  formatStoragePoolCapabilities,
  parseStoragePoolCapabilities,
} from "@virtmesh/documents/storage-pool/capabilities";
import { argumentsOfRuns } from "../program/facts.ts";
import { rewritten } from "../rewritten.ts";
import type { Suite } from "../suite.ts";

const CAPABILITIES = "storagepoolcapsschemadata";

export const storagePool: Suite = {
  name: "storage-pool",
  about: "storage pools, in to out, and what hosts can have of them, read and written again",
  goal: 98,
  cases: (corpus) => [
    ...argumentsOfRuns(corpus.program("storagepoolxml2xmltest.c")).map((name) => ({
      name,
      run: () => {
        const given = corpus.read("storagepoolxml2xmlin", `${name}.xml`);
        const written = formatStoragePool(completeStoragePool(parseStoragePool(given)));
        return rewritten(corpus.read("storagepoolxml2xmlout", `${name}.xml`), written, "storagepool");
      },
    })),
    ...corpus.list(CAPABILITIES).map((name) => ({
      name,
      run: () => {
        const given = corpus.read(CAPABILITIES, name);
        const written = formatStoragePoolCapabilities(parseStoragePoolCapabilities(given));
        return rewritten(given, written, "storagepoolcaps");
      },
    })),
  ],
};
