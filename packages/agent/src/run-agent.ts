import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Driver } from "@virtmesh/core/driver/driver";
import { VirtError } from "@virtmesh/core/errors";
import {
  defineConfig,
  duration,
  integer,
  list,
  oneOf,
  type Option,
  pairs,
  size,
  text,
  type Values,
} from "@virtmesh/kit/config";
import { createLogger, type Logger } from "@virtmesh/kit/logger";
import { createMetrics } from "@virtmesh/kit/metrics";
import { runMain } from "@virtmesh/kit/process";
import { startTelemetry } from "@virtmesh/kit/telemetry";
import { startAgent } from "./agent.ts";
import type { DriverContext } from "./driver-context.ts";
import { SocketFaultPoints } from "./migration/fault-points.ts";
import { SILENCE_MS } from "./migration/peer-link.ts";
import { STALL_MS } from "./migration/stall-watch.ts";
import { diskMoveModule } from "./disk-moves/module.ts";
import { migrationModule } from "./migration/module.ts";
import { DEFAULT_LIMITS, MAX_MIGRATIONS } from "./traffic/limits.ts";

/** Flags of one kind of agent, beside those that all have. */
export type ExtraOptions = Readonly<Record<string, Option<unknown>>>;

export interface AgentProgram<X extends ExtraOptions> {
  /** `qemu-agent`, `test-agent`, ... */
  readonly name: string;
  readonly version?: string;
  readonly summary?: string;
  /** Flags that only this agent has, in kit's form; their values come to `createDriver`. */
  readonly extraConfig?: X;
  readonly createDriver: (context: DriverContext, extra: Values<X>) => Promise<Driver> | Driver;
}

const VERSION = "0.1.0";

const OPTIONS = {
  host: {
    flag: "host",
    env: "VIRTMESH_HOST",
    help: "name of this host in the mesh; by default the machine's",
    type: text,
  },
  listen: {
    flag: "listen",
    env: "VIRTMESH_LISTEN",
    help: "where gRPC is served",
    type: text,
    default: "127.0.0.1:7771",
  },
  dataAddress: {
    flag: "data-address",
    env: "VIRTMESH_DATA_ADDRESS",
    help: "name or address under which other hosts reach this one; by default that of --listen",
    type: text,
  },
  stateDir: { flag: "state-dir", env: "VIRTMESH_STATE_DIR", help: "definitions and journals", type: text },
  runDir: { flag: "run-dir", env: "VIRTMESH_RUN_DIR", help: "sockets and status files", type: text },
  nats: {
    flag: "nats",
    env: "VIRTMESH_NATS",
    help: "NATS servers; without it the agent works alone and cannot migrate",
    type: list,
  },
  natsUser: { flag: "nats-user", env: "VIRTMESH_NATS_USER", help: "user at NATS", type: text },
  natsPassword: {
    flag: "nats-password",
    env: "VIRTMESH_NATS_PASSWORD",
    help: "password at NATS",
    type: text,
  },
  tlsDir: {
    flag: "tls-dir",
    env: "VIRTMESH_TLS_DIR",
    help: "directory with ca.pem, cert.pem and key.pem; without it nothing is encrypted",
    type: text,
  },
  metrics: {
    flag: "metrics",
    env: "VIRTMESH_METRICS",
    help: "where /metrics is served over HTTP",
    type: text,
  },
  labels: { flag: "label", env: "VIRTMESH_LABELS", help: "labels of this host", type: pairs, default: {} },
  leaseTtl: {
    flag: "lease-ttl",
    env: "VIRTMESH_LEASE_TTL",
    help: "time to live of the lease, the same in the whole mesh",
    type: duration,
    default: 3_000,
  },
  migrationsOutgoing: {
    flag: "migrations-outgoing",
    env: "VIRTMESH_MIGRATIONS_OUTGOING",
    help: "migrations from this host at once",
    type: integer(1, MAX_MIGRATIONS),
    default: DEFAULT_LIMITS.outgoing,
  },
  migrationsIncoming: {
    flag: "migrations-incoming",
    env: "VIRTMESH_MIGRATIONS_INCOMING",
    help: "migrations to this host at once",
    type: integer(1, MAX_MIGRATIONS),
    default: DEFAULT_LIMITS.incoming,
  },
  migrationsPerLink: {
    flag: "migrations-per-link",
    env: "VIRTMESH_MIGRATIONS_PER_LINK",
    help: "migrations from this host to any one other at once",
    type: integer(1, MAX_MIGRATIONS),
    default: DEFAULT_LIMITS.perLink,
  },
  bandwidthOutgoing: {
    flag: "migration-bandwidth-outgoing",
    env: "VIRTMESH_MIGRATION_BANDWIDTH_OUTGOING",
    help: "bytes a second that all migrations from this host share; 0 is no limit",
    type: size,
    default: DEFAULT_LIMITS.outgoingBandwidth,
  },
  bandwidthIncoming: {
    flag: "migration-bandwidth-incoming",
    env: "VIRTMESH_MIGRATION_BANDWIDTH_INCOMING",
    help: "bytes a second that all migrations to this host share; 0 is no limit",
    type: size,
    default: DEFAULT_LIMITS.incomingBandwidth,
  },
  bandwidthPerLink: {
    flag: "migration-bandwidth-per-link",
    env: "VIRTMESH_MIGRATION_BANDWIDTH_PER_LINK",
    help: "bytes a second that all migrations from this host to any one other share; 0 is no limit",
    type: size,
    default: DEFAULT_LIMITS.linkBandwidth,
  },
  migrationStall: {
    flag: "migration-stall",
    env: "VIRTMESH_MIGRATION_STALL",
    help: "a migration of which nothing comes forward for so long ends, its guest as before; 0s waits for ever",
    type: duration,
    default: STALL_MS,
  },
  migrationSilence: {
    flag: "migration-silence",
    env: "VIRTMESH_MIGRATION_SILENCE",
    help: "the other agent of a migration that says nothing for so long is taken for lost; more for slow hosts",
    type: duration,
    default: SILENCE_MS,
  },
  faultPoints: {
    flag: "fault-points",
    env: "VIRTMESH_FAULT_POINTS",
    help: "for tests: socket of a listener that holds migrations at exact places",
    type: text,
  },
  logLevel: {
    flag: "log-level",
    env: "VIRTMESH_LOG_LEVEL",
    help: "from where on the log is written",
    type: oneOf("trace", "debug", "info", "warn", "error", "silent"),
    default: "info",
  },
} as const;

/**
 * The whole process of an agent, for its `main.ts`. Prints one line on standard output when it serves. SIGTERM ends
 * the agent and never a guest.
 */
export async function runAgent<const X extends ExtraOptions>(program: AgentProgram<X>): Promise<never> {
  let logger: Logger | undefined;
  return runMain(
    async (scope) => {
      const version = program.version ?? VERSION;
      const about = {
        name: program.name,
        version,
        summary: program.summary ?? "one hypervisor behind one gRPC contract",
      };
      const argv = process.argv.slice(2);
      const common = defineConfig({ ...program.extraConfig, ...OPTIONS }, about).parse(argv, process.env);
      // The same options, seen as what each side declared them to be.
      const c = common as Values<typeof OPTIONS>;
      const extra = common as Values<X>;
      const host = c.host ?? shortName(hostname());
      logger = createLogger({ service: program.name, host, level: c.logLevel });
      const log = logger;
      const telemetry = scope.own(
        startTelemetry({
          service: program.name,
          host,
          onWarning: (message) => log.warn({ said: message }, "telemetry"),
        }),
      );
      if (c.tlsDir !== undefined) await checkCertificate(c.tlsDir, host);
      const points =
        c.faultPoints === undefined
          ? undefined
          : scope.own(await SocketFaultPoints.connect(c.faultPoints, host));
      const migration = {
        ...{ stallMs: c.migrationStall, silenceMs: c.migrationSilence },
        ...(points === undefined ? {} : { points }),
      };
      const agent = scope.own(
        await startAgent({
          host,
          version,
          listen: c.listen,
          stateDir: c.stateDir ?? `/var/lib/virtmesh/${program.name}`,
          runDir: c.runDir ?? `/run/virtmesh/${program.name}`,
          labels: c.labels,
          limits: {
            outgoing: c.migrationsOutgoing,
            incoming: c.migrationsIncoming,
            perLink: c.migrationsPerLink,
            outgoingBandwidth: c.bandwidthOutgoing,
            incomingBandwidth: c.bandwidthIncoming,
            linkBandwidth: c.bandwidthPerLink,
          },
          leaseTtlMs: c.leaseTtl,
          logger,
          metrics: createMetrics({ service: program.name, host }),
          telemetry,
          modules: [
            (chassis) => migrationModule(chassis, migration),
            (chassis) => diskMoveModule(chassis, points),
          ],
          createDriver: (context) => program.createDriver(context, extra),
          signal: scope.signal,
          ...(c.dataAddress === undefined ? {} : { dataAddress: c.dataAddress }),
          ...(c.tlsDir === undefined ? {} : { tlsDir: c.tlsDir }),
          ...(c.metrics === undefined ? {} : { metricsListen: c.metrics }),
          ...(c.nats === undefined
            ? {}
            : {
                nats: {
                  servers: c.nats,
                  ...(c.natsUser === undefined ? {} : { user: c.natsUser }),
                  ...(c.natsPassword === undefined ? {} : { password: c.natsPassword }),
                },
              }),
        }),
      );
      logger.info(
        {
          uris: agent.uris,
          address: agent.address,
          metrics: agent.metricsAddress,
          instance: agent.context.instance,
        },
        "agent serves",
      );
      process.stdout.write(`${program.name} ready: ${agent.uris.join(", ")} at ${agent.address}\n`);
      await agent.failed;
    },
    { logger: () => logger },
  );
}

/** An agent speaks for its own host only, and so does its certificate. */
async function checkCertificate(tlsDir: string, host: string): Promise<void> {
  const path = join(tlsDir, "cert.pem");
  let names: string;
  try {
    names = new X509Certificate(await readFile(path)).subjectAltName ?? "";
  } catch (cause) {
    throw new VirtError("HOST_SETUP", `cannot read the certificate ${path}`, {}, { cause });
  }
  const named = /spiffe:\/\/virtmesh\/host\/([^/,"]+)\//.exec(names)?.[1];
  if (named !== undefined && named !== host) {
    throw new VirtError(
      "HOST_SETUP",
      `the certificate ${path} is that of host ${named}, and this is host ${host}`,
    );
  }
}

/** A machine's name may have a domain behind it; a name in the mesh has no dots. */
function shortName(name: string): string {
  return name.split(".")[0] ?? name;
}
