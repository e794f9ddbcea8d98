import { randomUUID } from "node:crypto";
import { arch, cpus, freemem, totalmem } from "node:os";
import type { BlockJobFacet } from "@virtmesh/core/driver/block-jobs";
import type { Driver, Facets } from "@virtmesh/core/driver/driver";
import type { Tuning } from "@virtmesh/core/driver/migration";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import { Scope } from "@virtmesh/kit/scope";
import { testConversion } from "./conversion.ts";
import { readDefinition } from "./definition.ts";
import { TestDevices } from "./devices.ts";
import { TestDomains } from "./domains.ts";
import { TestGuestInfo } from "./guest-info.ts";
import { TestDiskMoves } from "./disk-moves.ts";
import { Hypervisor } from "./hypervisor.ts";
import { TEST_HYPERVISOR_VERSION, TestMigrationDestination, TestMigrationSource } from "./migration.ts";
import { TestResources } from "./resources.ts";
import { TestSavedState } from "./saved-state.ts";
import { SEED_XML } from "./seed.ts";
import { TestSnapshots } from "./snapshots.ts";
import { TestStorage } from "./storage.ts";

export interface TestDriverOptions {
  /** Guests that are there from the beginning, as libvirt XML, running. Unless told: the one guest `test`. */
  readonly guests?: readonly string[];
  /** Where other test hosts reach this one for migrations; 127.0.0.1 unless told. */
  readonly address?: string;
  /** Identity of the machine; a new one unless told, so that two drivers in one process are two hosts. */
  readonly hostUuid?: string;
}

/** What happens inside and below guests, made to happen by a test. */
export interface TestControl {
  /** The guest's kernel gives up. */
  panic(uuid: DomainUuid): void;
  /** The hypervisor's process dies. */
  crash(uuid: DomainUuid): void;
  /** The guest switches itself off. */
  powerOff(uuid: DomainUuid): void;
  /** A disk gives an error, and the guest is paused as the usual error policy has it. */
  ioError(uuid: DomainUuid, disk: string, message: string, outOfSpace?: boolean): void;
  /** What the guest writes to an image: at most the first 4096 bytes are kept. */
  write(path: string, offset: number, data: Uint8Array): void;
  /** The first 4096 bytes of an image; undefined when there is none. */
  image(path: string): Uint8Array | undefined;
  /** Paths of all images of this host. */
  images(): string[];
  /** The limits of a guest that is on its way out; undefined when it is not. */
  tuning(uuid: DomainUuid): Tuning | undefined;
  /** A disk's copy breaks now. */
  breakMirror(uuid: DomainUuid, disk: string, message: string): void;
  /** The connection breaks by which a guest on its way out has its memory fetched. */
  breakPostcopy(uuid: DomainUuid): void;
}

export type TestDriver = Driver & Facets & { readonly control: TestControl };

/** The in-memory hypervisor behind `test:///default`. Disposing it switches the test host off. */
export function createTestDriver(options: TestDriverOptions = {}): TestDriver {
  const hypervisor = new Hypervisor();
  const scope = new Scope();
  const hostUuid = options.hostUuid ?? randomUUID();
  const address = options.address ?? "127.0.0.1";
  const storage = new TestStorage(hypervisor);
  const migrationSource = new TestMigrationSource(hypervisor, scope);
  for (const xml of options.guests ?? [SEED_XML]) {
    const { definition } = readDefinition(xml);
    hypervisor.define(definition);
    hypervisor.start(definition, "running", "booted");
  }
  return {
    name: "test",
    serves: [{ scheme: "test", path: "/default" }],
    host: { info: () => hostInfo(hostUuid), capabilities: async () => capabilities(hostUuid) },
    domains: new TestDomains(hypervisor, scope, storage),
    devices: new TestDevices(hypervisor),
    resources: new TestResources(hypervisor),
    snapshots: new TestSnapshots(hypervisor),
    savedState: new TestSavedState(hypervisor),
    guestInfo: new TestGuestInfo(hypervisor),
    conversion: testConversion,
    storage,
    blockJobs: blockJobs(hypervisor),
    diskMoves: new TestDiskMoves(hypervisor),
    migrationSource,
    migrationDestination: new TestMigrationDestination(hypervisor, scope, { address, hostUuid }),
    control: control(hypervisor, migrationSource),
    async [Symbol.asyncDispose]() {
      hypervisor.close();
      await scope[Symbol.asyncDispose]();
    },
  };
}

function hostInfo(uuid: string): ReturnType<Facets["host"]["info"]> {
  return {
    uuid,
    hypervisorVersion: TEST_HYPERVISOR_VERSION,
    architecture: arch() === "arm64" ? "aarch64" : "x86_64",
    cpuModel: cpus()[0]?.model ?? "",
    cpus: cpus().length,
    memoryBytes: BigInt(totalmem()),
    freeMemoryBytes: BigInt(freemem()),
    accelerators: ["test"],
    bootTimeMs: Math.round(performance.timeOrigin),
    notes: ["guests live in the memory of this process and end with it"],
  };
}

function capabilities(uuid: string): string {
  const cpuArch = arch() === "arm64" ? "aarch64" : "x86_64";
  return `<capabilities>
  <host>
    <uuid>${uuid}</uuid>
    <cpu>
      <arch>${cpuArch}</arch>
    </cpu>
    <migration_features>
      <live/>
      <uri_transports>
        <uri_transport>tcp</uri_transport>
      </uri_transports>
    </migration_features>
  </host>
  <guest>
    <os_type>hvm</os_type>
    <arch name='${cpuArch}'>
      <wordsize>64</wordsize>
      <domain type='test'/>
    </arch>
  </guest>
</capabilities>
`;
}

function blockJobs(hypervisor: Hypervisor): BlockJobFacet {
  return {
    list: async (uuid) => [...(hypervisor.get(uuid).instance?.jobs.values() ?? [])],
    async cancel(uuid, ref) {
      const { guest, instance } = hypervisor.running(uuid);
      const job = [...instance.jobs.values()].find((j) => j.id === ref || j.disk === ref);
      if (job === undefined)
        throw new VirtError("JOB_NOT_FOUND", `guest "${guest.name}" has no block job "${ref}"`);
      // Every job of a test host belongs to a migration.
      throw new VirtError(
        "WRONG_STATE",
        `block job ${job.id} belongs to a migration; cancel the migration instead`,
      );
    },
  };
}

function control(hypervisor: Hypervisor, source: TestMigrationSource): TestControl {
  return {
    panic(uuid) {
      const { guest } = hypervisor.running(uuid);
      hypervisor.emit(guest, { kind: "guestPanic", detail: "panicked" });
      hypervisor.stop(guest, "crashed");
    },
    crash: (uuid) => hypervisor.stop(hypervisor.get(uuid), "crashed"),
    powerOff: (uuid) => hypervisor.powerOff(hypervisor.get(uuid)),
    ioError(uuid, disk, message, outOfSpace = false) {
      const { guest, instance } = hypervisor.running(uuid);
      hypervisor.emit(guest, {
        kind: "ioError",
        disk,
        operation: "write",
        action: "stop",
        message,
        outOfSpace,
      });
      source.find(uuid)?.ioError(disk, message);
      hypervisor.pause(guest, instance, "io-error");
    },
    write: (path, offset, data) => hypervisor.images.write(path, offset, data),
    image: (path) => hypervisor.images.get(path)?.content,
    images: () => hypervisor.images.paths(),
    tuning: (uuid) => source.find(uuid)?.tuning,
    breakPostcopy(uuid) {
      source.find(uuid)?.breakLine();
    },
    breakMirror(uuid, disk, message) {
      const outgoing = source.find(uuid);
      if (outgoing === undefined) throw new VirtError("WRONG_STATE", `guest ${uuid} is not on its way out`);
      outgoing.breakMirror(disk, message);
    },
  };
}
