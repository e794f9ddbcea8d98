import type { MigrationOffer } from "@virtmesh/core/driver/migration";
import { domainUuid, generation, type MigrationId } from "@virtmesh/core/ids";

/** An offer of a running guest with one copied disk, for tests. */
export function sampleOffer(change: Partial<MigrationOffer> = {}): MigrationOffer {
  return {
    plan: {
      id: "7a1d2c5e-8f7b-4c11-9a51-0d4a7e9b2f10" as MigrationId,
      uuid: domainUuid("6695eb01-f6a4-8304-79aa-97f2502e193f"),
      mode: "live",
      copyMode: "background",
      tuning: { memoryBandwidth: 0n, diskBandwidth: 2n ** 53n, maxDowntimeMs: 300 },
      persistDestination: true,
      leavePaused: false,
      abortOnIoError: true,
      unsafe: false,
      destinationName: "",
      destinationXml: "",
      parallelConnections: 1,
      compression: "none",
      autoConverge: false,
      tls: true,
      timeoutMs: 0,
      disks: "all",
    },
    name: "web",
    sourceHost: "host-a",
    sourceHostUuid: "f4b5b0de-7d2f-4d0b-8a3e-3b1c0a1f2e3d",
    hypervisorVersion: "7.2.22",
    nextGeneration: generation(2n ** 40n),
    xml: "<domain/>",
    persistentXml: "",
    disks: [
      {
        target: "vda",
        sourcePath: "/a/vda.qcow2",
        format: "qcow2",
        capacityBytes: 2n ** 40n,
        copy: true,
        destinationPath: "/b/vda.qcow2",
        destinationFormat: "qcow2",
      },
    ],
    requiredFeatures: [],
    running: true,
    memoryBytes: 2n ** 31n,
    ...change,
  };
}
