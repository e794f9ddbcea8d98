import type { Driver } from "@virtmesh/core/driver/driver";
import { VirtError } from "@virtmesh/core/errors";
import { Scope } from "@virtmesh/kit/scope";
import type { Metrics } from "@virtmesh/kit/metrics";
import type { MeshLogger } from "@virtmesh/mesh/logger";
import { probeOnce } from "./capabilities/cache.ts";
import { traitsOf } from "./capabilities/traits.ts";
import { Guests } from "./domain/guests.ts";
import type { LaunchSite } from "./domain/launch.ts";
import { reattach } from "./domain/reattach.ts";
import { QemuDiskMoves } from "./facets/disk-moves.ts";
import { QemuBlockJobs } from "./facets/block-jobs.ts";
import { Consoles } from "./facets/console.ts";
import { QemuDevices } from "./facets/devices.ts";
import { QemuDomains } from "./facets/domains.ts";
import { QemuHost } from "./facets/host.ts";
import { MigrationDestination } from "./facets/migration-destination.ts";
import { MigrationSource } from "./facets/migration-source.ts";
import { QemuResources } from "./facets/resources.ts";
import { sweep } from "./janitor/janitor.ts";
import { reportLeftovers } from "./janitor/leftovers.ts";
import { PortRange } from "./host/ports.ts";
import { Taps } from "./host/taps.ts";
import type { QmpObserver } from "./qmp/connection.ts";
import { DefinitionStore } from "@virtmesh/agent/guests/definition-store";
import { StatusStore } from "./state/status-store.ts";
import { LeftImages } from "./migration/left-images.ts";
import { linkTlsFiles } from "./migration/tls-files.ts";
import { StatsSampler } from "./stats/sampler.ts";

export interface PortSpan {
  readonly first: number;
  readonly last: number;
}

export interface QemuDriverConfig {
  /** Survives a restart of the host: definitions, logs. */
  readonly stateDir: string;
  /** Survives a restart of the agent only: sockets and status of running guests. */
  readonly runDir: string;
  readonly binary?: string;
  readonly hostName: string;
  /** Where other hosts reach this one for memory and disks. */
  readonly dataAddress: string;
  /** Directory of the PEM files for migrations. */
  readonly tlsDir?: string;
  /** Guests may be sent and taken in the clear. */
  readonly allowPlaintextMigration?: boolean;
  /** Guests of type kvm run by emulation where KVM does not work. */
  readonly allowTcgForKvm?: boolean;
  /** Definitions may carry arguments for QEMU itself. */
  readonly allowPassthrough?: boolean;
  readonly vncAddress?: string;
  readonly vncPorts?: PortSpan;
  readonly migrationPorts?: PortSpan;
  readonly logger: MeshLogger;
  readonly metrics?: Metrics;
  readonly signal: AbortSignal;
  readonly observe?: QmpObserver;
}

export type QemuDriver = Driver;

const DEFAULT_BINARY = "/usr/bin/qemu-system-x86_64";
const VNC_PORTS: PortSpan = { first: 5900, last: 6899 };
/** libvirt's range, which firewalls know. */
const MIGRATION_PORTS: PortSpan = { first: 49152, last: 49215 };

/**
 * QEMU on this host. Guests that run already are taken up; disposing lets go of all, and they go on.
 * @throws HOST_SETUP when QEMU does not run or the directories cannot be used
 */
export async function createQemuDriver(config: QemuDriverConfig): Promise<QemuDriver> {
  const { stateDir, logger, allowPlaintextMigration = false, allowTcgForKvm = false } = config;
  const guestsDir = `${config.runDir}/qemu`;
  const scope = new Scope(config.signal);
  try {
    const statuses = await StatusStore.open(guestsDir);
    const definitions = await DefinitionStore.open(stateDir);
    const probed = await probeOnce({
      binary: config.binary ?? DEFAULT_BINARY,
      workDir: config.runDir,
      cacheDir: stateDir,
      signal: config.signal,
    });
    const { capabilities } = probed;
    const traits = traitsOf(capabilities);
    const onWriteError = (e: unknown) => logger.error({ err: e }, "the status of a guest cannot be written");
    const vnc = config.vncPorts ?? VNC_PORTS;
    const migrations = config.migrationPorts ?? MIGRATION_PORTS;
    const site: LaunchSite = {
      ...{ capabilities, statuses, allowTcgForKvm, onWriteError },
      logDir: `${stateDir}/log`,
      tpmDir: `${stateDir}/tpm`,
      nvramDir: `${stateDir}/nvram`,
      memoryDir: `${stateDir}/memory`,
      vncPorts: new PortRange(vnc.first, vnc.last),
      vncAddress: config.vncAddress ?? "127.0.0.1",
      taps: new Taps(),
      allowPassthrough: config.allowPassthrough ?? false,
      ...(config.observe ? { observe: config.observe } : {}),
    };
    const guests = scope.own(new Guests({ site, definitions, statuses, logger }));
    const stored = await definitions.load((e) => logger.error({ err: e }, "a definition was left aside"));
    for (const { definition, autostart } of stored) guests.load(definition, autostart);
    await reattach({ guests, site, statuses, logger, signal: config.signal });
    const leftovers = await sweep({ guests, stateDir, runDir: config.runDir, guestsDir });
    reportLeftovers(leftovers, logger, config.metrics);
    const tlsDir = config.tlsDir === undefined ? undefined : await linkTlsFiles(config.runDir, config.tlsDir);
    const leftImages = new LeftImages(stateDir);
    const consoles = scope.own(new Consoles());
    const sampler = scope.own(
      new StatsSampler(guests, (guest, e) =>
        logger.debug({ domain: guest.name, err: e }, "no fresh statistics of a guest"),
      ),
    );
    return {
      name: "qemu",
      serves: [{ scheme: "qemu", path: "/system" }],
      host: await QemuHost.open(probed),
      domains: new QemuDomains({ guests, capabilities, traits, sampler, consoles }),
      devices: new QemuDevices({ guests, site, traits }),
      resources: new QemuResources(guests),
      blockJobs: new QemuBlockJobs(guests),
      diskMoves: new QemuDiskMoves({ guests, launch: site, logger }, stateDir),
      migrationSource: new MigrationSource({
        ...{ guests, capabilities, leftImages, tlsDir, allowPlaintext: allowPlaintextMigration },
        runDir: config.runDir,
      }),
      migrationDestination: new MigrationDestination({
        ...{ guests, capabilities, leftImages, stateDir, allowTcgForKvm, tlsDir },
        runDir: config.runDir,
        ports: new PortRange(migrations.first, migrations.last),
        dataAddress: config.dataAddress,
        host: config.hostName,
        allowPlaintext: allowPlaintextMigration,
      }),
      [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose](),
    };
  } catch (e) {
    await scope[Symbol.asyncDispose]();
    throw VirtError.from(e);
  }
}
