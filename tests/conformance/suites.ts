import type { Suite } from "./suite.ts";
import { backup } from "./suites/backup.ts";
import { bhyve } from "./suites/bhyve.ts";
import { capabilities } from "./suites/capabilities.ts";
import { checkpoint } from "./suites/checkpoint.ts";
import { domainCapabilities } from "./suites/domaincaps.ts";
import { cpu } from "./suites/cpu.ts";
import { schema } from "./suites/schema.ts";
import { generic } from "./suites/generic.ts";
import { hostInterface } from "./suites/interface.ts";
import { libxl } from "./suites/libxl.ts";
import { lxc } from "./suites/lxc.ts";
import { lxcconf } from "./suites/lxcconf.ts";
import { networkPort } from "./suites/network-port.ts";
import { networkUpdate } from "./suites/network-update.ts";
import { network } from "./suites/network.ts";
import { nodedev } from "./suites/nodedev.ts";
import { nwfilter } from "./suites/nwfilter.ts";
import { qemuAccepts, qemuAcceptsLibvirt } from "./suites/qemu-accepts.ts";
import { qemuArgv } from "./suites/qemu-argv.ts";
import { qemuRoundtrip } from "./suites/qemu-roundtrip.ts";
import { qemuXml2xml } from "./suites/qemu-xml2xml.ts";
import { secret } from "./suites/secret.ts";
import { snapshot } from "./suites/snapshot.ts";
import { storagePool } from "./suites/storage-pool.ts";
import { storageVolume } from "./suites/storage-volume.ts";
import { xl, xm } from "./suites/xen-config.ts";
import { vmx } from "./suites/vmx.ts";
import { xml2vmx } from "./suites/xml2vmx.ts";

/** Every suite, in the order in which they run. A new one is a file in suites/ and a line here. */
export const SUITES: readonly Suite[] = [
  generic,
  schema,
  qemuRoundtrip,
  qemuXml2xml,
  qemuArgv,
  qemuAccepts,
  qemuAcceptsLibvirt,
  lxc,
  bhyve,
  network,
  networkUpdate,
  networkPort,
  hostInterface,
  nodedev,
  nwfilter,
  secret,
  storagePool,
  storageVolume,
  capabilities,
  domainCapabilities,
  snapshot,
  checkpoint,
  backup,
  cpu,
  lxcconf,
  vmx,
  xml2vmx,
  xl,
  xm,
  libxl,
];
