import { parseBackup } from "@virtmesh/documents/backup/document";
import { parseCapabilities } from "@virtmesh/documents/capabilities/document";
import { parseCheckpoint } from "@virtmesh/documents/checkpoint/document";
import { parseDevice } from "@virtmesh/documents/domain/one-device";
import { parseDomain } from "@virtmesh/documents/domain/document";
import { parseDomainCapabilities } from "@virtmesh/documents/domain-capabilities/document";
import { parseInterface } from "@virtmesh/documents/interface/document";
import { parseNetwork } from "@virtmesh/documents/network/document";
import { parseNetworkPort } from "@virtmesh/documents/network-port/document";
import { parseNodeDevice } from "@virtmesh/documents/node-device/document";
import { parseNwfilterBinding } from "@virtmesh/documents/nwfilter/binding";
import { parseNwfilter } from "@virtmesh/documents/nwfilter/document";
import { parseSecret } from "@virtmesh/documents/secret/document";
import { parseSnapshot } from "@virtmesh/documents/snapshot/document";
import { parseStoragePoolCapabilities } from "@virtmesh/documents/storage-pool/capabilities";
import { parseStoragePool } from "@virtmesh/documents/storage-pool/document";
import { parseStorageVolume } from "@virtmesh/documents/storage-volume/document";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { keep } from "@virtmesh/documents/xml/keep";
import { readXml } from "@virtmesh/documents/xml/read";
import type { XmlTree } from "@virtmesh/documents/xml/tree";
import { elementsOf } from "@virtmesh/documents/xml/tree";
import { writeXml } from "@virtmesh/documents/xml/write";
import { cpuDocuments, rewrittenCpu } from "../cpu-documents.ts";
import { refusals } from "../refusals.ts";
import { refused } from "../refused.ts";
import { schemaDocuments } from "../schema-documents.ts";
import { PASS, skip, type Suite } from "../suite.ts";

/** Who reads the documents of each of libvirt's schemas. */
const READERS: Readonly<Record<string, (xml: string) => unknown>> = {
  capability: parseCapabilities,
  domain: parseDomain,
  domaincaps: parseDomainCapabilities,
  domainbackup: parseBackup,
  domaincheckpoint: parseCheckpoint,
  domainsnapshot: parseSnapshot,
  interface: parseInterface,
  network: parseNetwork,
  networkport: parseNetworkPort,
  nodedev: parseNodeDevice,
  nwfilter: parseNwfilter,
  nwfilterbinding: parseNwfilterBinding,
  secret: parseSecret,
  storagepool: parseStoragePool,
  storagepoolcaps: parseStoragePoolCapabilities,
  storagevol: parseStorageVolume,
  "cpu-baseline": (xml) => cpuDocuments(xml).map(rewrittenCpu),
  device: (xml) => parseDevice(withTarget(xml)),
};

/** libvirt's tests of single disks leave out where the guest sees them; a disk of a guest always has a target. */
function withTarget(xml: string): string {
  const root = readXml(xml);
  if (root.name !== "disk" || elementsOf(root).some((child) => child.name === "target")) return xml;
  const target: XmlTree = { name: "target", attributes: [{ name: "dev", value: "vda" }], children: [] };
  const disk = keep(root);
  return writeXml({ ...disk, children: [...disk.children, target] });
}

export const schema: Suite = {
  name: "schema",
  about: "every document that libvirt has a schema for: accepted or refused as its name says",
  // Of 3,500, one is of a protocol that libvirt 9.8 brought (docs/conformance.md).
  goal: 100,
  cases: (corpus) => {
    const refusedByLibvirt = refusals(corpus);
    return schemaDocuments(corpus).map((document) => ({
      name: document.path,
      run: () => {
        const read = READERS[document.schema];
        if (read === undefined) return skip(`no reader for the schema "${document.schema}" yet`);
        if (document.isInvalid) return refused(() => read(document.xml));
        const refusal = refusedByLibvirt.get(document.path);
        if (refusal?.isOfHost === true)
          return skip("refused by libvirt for what one QEMU or one host cannot do");
        if (refusal !== undefined)
          return refused(() => {
            const value = read(document.xml);
            if (document.schema === "domain") refusal.complete?.(value as DomainDefinition);
          }, refusal.says);
        read(document.xml);
        return PASS;
      },
    }));
  },
};
