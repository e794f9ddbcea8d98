import { parseBackup } from "../backup/document.ts";
import { backupSchema } from "../backup/model.ts";
import { capabilitiesSchema, parseCapabilities } from "../capabilities/document.ts";
import { hostCpuSchema } from "../capabilities/host.ts";
import { checkpointSchema, parseCheckpoint } from "../checkpoint/document.ts";
import { cpuDataSchema, parseCpuData } from "../cpu/data.ts";
import { parseGuestCpu, parseHostCpu } from "../cpu/document.ts";
import { cpuSchema } from "../domain/cpu.ts";
import { parseDomain } from "../domain/document.ts";
import { domainSchema } from "../domain/model.ts";
import { domainCapabilitiesSchema, parseDomainCapabilities } from "../domain-capabilities/document.ts";
import { parseInterface } from "../interface/document.ts";
import { interfaceSchema } from "../interface/model.ts";
import { parseNetwork } from "../network/document.ts";
import { networkSchema } from "../network/model.ts";
import { networkPortSchema, parseNetworkPort } from "../network-port/document.ts";
import { parseNodeDevice } from "../node-device/document.ts";
import { nodeDeviceSchema } from "../node-device/model.ts";
import { nwfilterBindingSchema, parseNwfilterBinding } from "../nwfilter/binding.ts";
import { nwfilterSchema, parseNwfilter } from "../nwfilter/document.ts";
import type { Schema } from "../schema/schema.ts";
import { parseSecret, secretSchema } from "../secret/document.ts";
import { parseSnapshot } from "../snapshot/document.ts";
import { snapshotSchema } from "../snapshot/model.ts";
import { parseStoragePoolCapabilities, storagePoolCapabilitiesSchema } from "../storage-pool/capabilities.ts";
import { parseStoragePool } from "../storage-pool/document.ts";
import { storagePoolSchema } from "../storage-pool/model.ts";
import { parseStorageVolume } from "../storage-volume/document.ts";
import { storageVolumeSchema } from "../storage-volume/model.ts";

/** A kind of document with its reader, for tests that hold for all of them. */
export interface Kind {
  readonly root: string;
  readonly schema: Schema<unknown>;
  /** With the checks of the whole document. */
  readonly parse: (xml: string) => unknown;
}

function kind<T>(root: string, schema: Schema<T>, parse: (xml: string) => unknown): Kind {
  return { root, schema: schema, parse };
}

export const KINDS: readonly Kind[] = [
  kind("domain", domainSchema, parseDomain),
  kind("domainsnapshot", snapshotSchema, parseSnapshot),
  kind("domaincheckpoint", checkpointSchema, parseCheckpoint),
  kind("domainbackup", backupSchema, parseBackup),
  kind("capabilities", capabilitiesSchema, parseCapabilities),
  kind("domainCapabilities", domainCapabilitiesSchema, parseDomainCapabilities),
  kind("cpu", cpuSchema, parseGuestCpu),
  kind("cpu", hostCpuSchema, parseHostCpu),
  kind("cpudata", cpuDataSchema, parseCpuData),
  kind("network", networkSchema, parseNetwork),
  kind("networkport", networkPortSchema, parseNetworkPort),
  kind("interface", interfaceSchema, parseInterface),
  kind("device", nodeDeviceSchema, parseNodeDevice),
  kind("filter", nwfilterSchema, parseNwfilter),
  kind("filterbinding", nwfilterBindingSchema, parseNwfilterBinding),
  kind("secret", secretSchema, parseSecret),
  kind("pool", storagePoolSchema, parseStoragePool),
  kind("storagepoolCapabilities", storagePoolCapabilitiesSchema, parseStoragePoolCapabilities),
  kind("volume", storageVolumeSchema, parseStorageVolume),
];
