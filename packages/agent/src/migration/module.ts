import { join } from "node:path";
import { VirtError } from "@virtmesh/core/errors";
import { isUriPattern, parseConnectionUri } from "@virtmesh/core/uri";
import { type Channel, connect } from "@virtmesh/kit/grpc-client";
import { Scope } from "@virtmesh/kit/scope";
import { MigrationRecords } from "@virtmesh/mesh/records";
import { type AgentDirectory, watchAgents } from "@virtmesh/mesh/registry";
import { AgentState } from "@virtmesh/api/gen/virtmesh/v1/agent";
import type { Chassis, ServiceModule } from "../chassis.ts";
import { absentMigrations } from "./absent.ts";
import { migrationService } from "./migration-service.ts";
import { KEEP_JOURNALS_MS, Migrations } from "./migrations.ts";
import { pruneJournals, readJournals } from "./journal.ts";
import { News } from "./news.ts";
import { peerService } from "./peer-service.ts";

/** Migrations as a module of the agent: the two services, and whatever was under way when the agent ended. */
export async function migrationModule(chassis: Chassis): Promise<ServiceModule> {
  const { mesh } = chassis;
  // Without NATS there is no record that decides, hence no migration.
  if (
    mesh === undefined ||
    chassis.driver.migrationSource === undefined ||
    chassis.driver.migrationDestination === undefined
  ) {
    return {
      services: [absentMigrations(chassis)],
      adopted: new Set(),
      [Symbol.asyncDispose]: async () => undefined,
    };
  }
  const scope = new Scope(chassis.signal);
  const directory = scope.own(watchAgents(mesh));
  const peers = scope.own(new Peers(chassis, directory));
  const news = new News(chassis);
  const journalDir = join(chassis.stateDir, "migrations");
  const migrations = scope.own(
    new Migrations(
      {
        driver: chassis.driver,
        tokens: chassis.tokens,
        logger: chassis.logger,
        queue: chassis.queue,
        operations: chassis.operations,
        host: chassis.host,
        uri: chassis.uris[0],
        journalDir,
        records: new MigrationRecords(mesh),
        authenticated: chassis.tls !== undefined,
        signal: scope.signal,
        peer: (uri) => peers.channelTo(uri),
        onChance: (listener) =>
          directory.onChange(({ change }) => (change === "alive" ? listener() : undefined)),
        news,
      },
      news,
    ),
  );
  await pruneJournals(journalDir, Date.now() - KEEP_JOURNALS_MS);
  const adopted = new Set<string>();
  for (const file of await readJournals(journalDir)) {
    if (file.header.side === "source") {
      await migrations.recoverSource(file);
      adopted.add(file.header.offer.plan.id);
    } else {
      await migrations.recoverDestination(file);
    }
  }
  return {
    services: [migrationService(chassis, migrations, news), peerService(migrations)],
    adopted,
    [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose](),
  };
}

/** Channels to other agents, by what the directory says of them; one an address, kept. */
class Peers implements AsyncDisposable {
  readonly #chassis: Chassis;
  readonly #directory: AgentDirectory;
  readonly #channels = new Map<string, Channel>();

  constructor(chassis: Chassis, directory: AgentDirectory) {
    this.#chassis = chassis;
    this.#directory = directory;
  }

  channelTo(uri: string): Channel {
    if (isUriPattern(uri)) {
      throw new VirtError(
        "INVALID_URI",
        `"${uri}" names several hosts, and a guest is migrated to one; name it like qemu://host-b/system`,
        { violations: [{ field: "destination_uri", description: "must name one host" }] },
      );
    }
    const { scheme, host } = parseConnectionUri(uri);
    const agent = this.#directory.find(scheme, host);
    if (agent === undefined) {
      const known = this.#directory.byScheme(scheme).map((a) => a.host);
      const others = known.filter((name) => name !== this.#chassis.host).sort();
      throw new VirtError(
        "UNKNOWN_HOST",
        `no agent serves ${uri}; other ${scheme} hosts are ${others.join(", ") || "none"}`,
        {
          metadata: { uri },
        },
      );
    }
    if (agent.state === AgentState.AGENT_STATE_LOST) {
      throw new VirtError(
        "HOST_GONE",
        `the agent of ${uri} does not renew its lease: the host or its agent is down`,
        { metadata: { uri } },
      );
    }
    const known = this.#channels.get(agent.address);
    if (known !== undefined) return known;
    const channel = connect(agent.address, {
      ...(this.#chassis.tls === undefined ? {} : { tls: this.#chassis.tls, serverName: agent.host }),
    });
    this.#channels.set(agent.address, channel);
    return channel;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const channel of this.#channels.values()) channel.close();
  }
}
