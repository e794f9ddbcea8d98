import { backupSchema } from "@virtmesh/documents/backup/model";
import { capabilitiesSchema } from "@virtmesh/documents/capabilities/document";
import { hostCpuSchema } from "@virtmesh/documents/capabilities/host";
import { checkpointSchema } from "@virtmesh/documents/checkpoint/document";
import { cpuDataSchema } from "@virtmesh/documents/cpu/data";
import { cpuSchema } from "@virtmesh/documents/domain/cpu";
import { domainSchema } from "@virtmesh/documents/domain/model";
import { domainCapabilitiesSchema } from "@virtmesh/documents/domain-capabilities/document";
import { interfaceSchema } from "@virtmesh/documents/interface/model";
import { networkSchema } from "@virtmesh/documents/network/model";
import { networkPortSchema } from "@virtmesh/documents/network-port/document";
import { nodeDeviceSchema } from "@virtmesh/documents/node-device/model";
import { nwfilterBindingSchema } from "@virtmesh/documents/nwfilter/binding";
import { nwfilterSchema } from "@virtmesh/documents/nwfilter/document";
import { secretSchema } from "@virtmesh/documents/secret/document";
import { snapshotSchema } from "@virtmesh/documents/snapshot/model";
import { storagePoolCapabilitiesSchema } from "@virtmesh/documents/storage-pool/capabilities";
import { storagePoolSchema } from "@virtmesh/documents/storage-pool/model";
import { storageVolumeSchema } from "@virtmesh/documents/storage-volume/model";
import type { DocumentKind } from "./document-reference.ts";

/** Every kind of document that virtmesh reads and writes. */
export const DOCUMENT_KINDS: readonly DocumentKind[] = [
  {
    page: "domain",
    title: "Domain",
    about: "A guest: what it is made of and how it runs.",
    root: "domain",
    schema: domainSchema,
  },
  {
    page: "snapshot",
    title: "Domain snapshot",
    about: "The state of a guest at one moment, of its disks and perhaps of its memory.",
    root: "domainsnapshot",
    schema: snapshotSchema,
  },
  {
    page: "checkpoint",
    title: "Domain checkpoint",
    about: "A moment since which it is known what has changed on the disks of a guest.",
    root: "domaincheckpoint",
    schema: checkpointSchema,
  },
  {
    page: "backup",
    title: "Domain backup",
    about: "A copy of a guest's disks that is made while it runs, whole or since a checkpoint.",
    root: "domainbackup",
    schema: backupSchema,
  },
  {
    page: "capabilities",
    title: "Capabilities",
    about: "What a host is and which guests it can run.",
    root: "capabilities",
    schema: capabilitiesSchema,
  },
  {
    page: "domain-capabilities",
    title: "Domain capabilities",
    about: "What guests of one kind may have on a host.",
    root: "domainCapabilities",
    schema: domainCapabilitiesSchema,
  },
  {
    page: "cpu",
    title: "Guest CPU",
    about: "The CPU of a guest by itself, as one compares with a host's.",
    root: "cpu",
    schema: cpuSchema,
  },
  {
    page: "host-cpu",
    title: "Host CPU",
    about: "The CPU of a host by itself, as in its capabilities.",
    root: "cpu",
    schema: hostCpuSchema,
  },
  {
    page: "cpu-data",
    title: "CPU data",
    about: "What a CPU itself answers.",
    root: "cpudata",
    schema: cpuDataSchema,
  },
  {
    page: "network",
    title: "Network",
    about: "A virtual network of a host.",
    root: "network",
    schema: networkSchema,
  },
  {
    page: "network-port",
    title: "Network port",
    about: "What one interface of a guest got from its network.",
    root: "networkport",
    schema: networkPortSchema,
  },
  {
    page: "interface",
    title: "Host interface",
    about: "A network interface of a host.",
    root: "interface",
    schema: interfaceSchema,
  },
  {
    page: "node-device",
    title: "Node device",
    about: "A device of a host.",
    root: "device",
    schema: nodeDeviceSchema,
  },
  {
    page: "nwfilter",
    title: "Network filter",
    about: "What may leave and reach the interfaces of guests.",
    root: "filter",
    schema: nwfilterSchema,
  },
  {
    page: "nwfilter-binding",
    title: "Network filter binding",
    about: "A filter in use for one interface of a guest.",
    root: "filterbinding",
    schema: nwfilterBindingSchema,
  },
  {
    page: "secret",
    title: "Secret",
    about: "What a secret is for; its value is never in the document.",
    root: "secret",
    schema: secretSchema,
  },
  {
    page: "storage-pool",
    title: "Storage pool",
    about: "Where volumes are kept.",
    root: "pool",
    schema: storagePoolSchema,
  },
  {
    page: "storage-pool-capabilities",
    title: "Storage pool capabilities",
    about: "Which kinds of pools a host can have.",
    root: "storagepoolCapabilities",
    schema: storagePoolCapabilitiesSchema,
  },
  {
    page: "storage-volume",
    title: "Storage volume",
    about: "An image, partition or file system of a pool.",
    root: "volume",
    schema: storageVolumeSchema,
  },
];
