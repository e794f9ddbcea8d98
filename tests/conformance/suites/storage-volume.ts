import { parseStoragePool } from "@virtmesh/documents/storage-pool/document";
import {
  completeStorageVolume,
  formatStorageVolume,
  parseStorageVolume,
} from "@virtmesh/documents/storage-volume/document";
import { structuresOf } from "../program/facts.ts";
import { rewritten } from "../rewritten.ts";
import type { Suite } from "../suite.ts";

export const storageVolume: Suite = {
  name: "storage-volume",
  about: "volumes of pools: in to out",
  goal: 98,
  cases: (corpus) =>
    structuresOf(corpus.program("storagevolxml2xmltest.c"), "testInfo").map((info) => ({
      name: info["name"] ?? "",
      run: () => {
        const file = `${info["name"]}.xml`;
        const pool = parseStoragePool(corpus.read("storagepoolxml2xmlin", `${info["pool"]}.xml`));
        const volume = parseStorageVolume(corpus.read("storagevolxml2xmlin", file));
        const written = formatStorageVolume(completeStorageVolume(volume, pool.type));
        return rewritten(corpus.read("storagevolxml2xmlout", file), written, "storagevol");
      },
    })),
};
