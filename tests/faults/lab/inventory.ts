import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { BlockJobServiceService } from "@virtmesh/api/gen/virtmesh/v1/block_job";
import { DomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { Decision, type MigrationRecord, type RunToken } from "@virtmesh/api/gen/virtmesh/v1/migration_peer";
import { readJournals } from "@virtmesh/agent/migration/journal";
import { domainUuid, type MigrationId } from "@virtmesh/core/ids";
import { createLogger } from "@virtmesh/kit/logger";
import { connectMesh, type Mesh } from "@virtmesh/mesh/connection";
import { MigrationRecords } from "@virtmesh/mesh/records";
import { RunTokens } from "@virtmesh/mesh/run-tokens";
import { DISKS, type Stage, type StageHost } from "./stage.ts";
import type { Allowed } from "../cells/victims.ts";

/** What there is of the guest and its migration, looked at from outside. */
export interface Findings {
  /** Host whose agent says that it runs there. */
  readonly ranOn: string | undefined;
  /** Where it is defined, running or not. */
  readonly owner: StageHost;
  readonly outcome: Allowed | "twice" | "paused";
  readonly leftovers: readonly string[];
}

export interface Before {
  readonly source: StageHost;
  readonly destination: StageHost;
  readonly migration: string;
}

/** Reads the buckets behind the agents' backs. */
export class BucketReader implements AsyncDisposable {
  readonly #mesh: Mesh;

  constructor(stage: Stage) {
    const file = (name: string): string => join(stage.mesh.dir, "tls/hub-gateway", name);
    this.#mesh = connectMesh({
      servers: [stage.mesh.nats.url],
      name: "the fault matrix",
      logger: createLogger({ service: "faults", level: "silent" }),
      tls: { ca: file("ca.pem"), cert: file("cert.pem"), key: file("key.pem") },
    });
  }

  async record(id: string): Promise<MigrationRecord | undefined> {
    return (await new MigrationRecords(this.#mesh).get(id as MigrationId))?.record;
  }

  async token(uuid: string): Promise<RunToken | undefined> {
    return await new RunTokens(this.#mesh).read(domainUuid(uuid));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#mesh[Symbol.asyncDispose]();
  }
}

/** Everything that may be left behind, and where the guest is. */
export async function lookAround(stage: Stage, before: Before, buckets: BucketReader): Promise<Findings> {
  const { source, destination, migration } = before;
  const seen = await Promise.all(
    [source, destination].map(async (host) => ({
      host,
      guest: await stage.guestOn(host),
      pids: await stage.hypervisors(host),
    })),
  );
  const running = seen.filter((s) => s.guest?.state === DomainState.DOMAIN_STATE_RUNNING);
  const [first] = running;
  const ranOn = running.length === 1 ? first?.host : undefined;
  const outcome = outcomeOf(
    running.length,
    ranOn?.name === destination.name,
    seen.some((s) => s.pids.length > 0),
  );
  // A guest that died is where its definition is.
  const owner = ranOn ?? seen.find((s) => s.guest !== undefined)?.host ?? source;
  const other = owner.name === source.name ? destination : source;
  const left: string[] = [];
  for (const { host, guest, pids } of seen) {
    const expected = host.name === ranOn?.name ? 1 : 0;
    if (pids.length !== expected)
      left.push(`${host.name} has ${pids.length} QEMU processes, not ${expected}`);
    if (host.name === other.name && guest !== undefined) left.push(`${host.name} still knows the guest`);
    left.push(...(await onHost(host, expected)));
  }
  left.push(...(await images(before, owner)));
  if (ranOn !== undefined) {
    const { jobs } = await stage.call(ranOn, BlockJobServiceService.listBlockJobs, {
      uri: ranOn.uri,
      domain: stage.uuid,
    });
    left.push(...jobs.map((j) => `${ranOn.name} has a block job ${j.id}`));
  }
  const record = await buckets.record(migration);
  if (record === undefined || record.decision === Decision.DECISION_UNDECIDED)
    left.push(`the record of the migration is ${record === undefined ? "not there" : "undecided"}`);
  const token = await buckets.token(stage.uuid);
  if (token?.host !== owner.name)
    left.push(`the run token is ${token?.host ?? "nobody"}'s, not ${owner.name}'s`);
  const known = await stage.guestOn(owner);
  if (known !== undefined && token !== undefined && known.generation !== token.generation)
    left.push(`${owner.name} holds generation ${known.generation}, the token says ${token.generation}`);
  return { ranOn: ranOn?.name, owner, outcome, leftovers: left };
}

function outcomeOf(running: number, moved: boolean, anyProcess: boolean): Findings["outcome"] {
  if (running > 1) return "twice";
  if (running === 1) return moved ? "moved" : "stayed";
  return anyProcess ? "paused" : "nowhere";
}

/** Sockets, ports, files and unfinished journals of one host. */
async function onHost(host: StageHost, guests: number): Promise<readonly string[]> {
  const left: string[] = [];
  const folders = await names(join(host.runDir, "qemu"));
  if (folders.length !== guests) left.push(`${host.name} has run directories ${folders.join(", ")}`);
  for (const file of await names(join(host.stateDir, "incoming")))
    left.push(`${host.name} has incoming/${file}`);
  for (const { header, lines } of await readJournals(join(host.stateDir, "migrations"))) {
    const entries = lines.map((l) => l.entry);
    if (!entries.includes("ended"))
      left.push(`${host.name} has not ended the journal of ${header.offer.plan.id}`);
    if (entries.includes("fencing") && !entries.includes("fenced"))
      left.push(`${host.name} has not put up its fence`);
  }
  const { stdout } = await host.namespace.exec(["ss", "-H", "-l", "-t", "-n"]);
  for (const line of stdout.split("\n").filter((l) => l !== "")) {
    const port = Number(/:(\d+)\s/.exec(line)?.[1]);
    if (port !== 7771 && port !== 9771) left.push(`${host.name} listens on port ${port}`);
  }
  const { stdout: links } = await host.namespace.exec(["ip", "-o", "link", "show"]);
  const more = links.split("\n").filter((l) => l !== "" && !/: (lo|eth0)[@:]/.test(l));
  left.push(...more.map((l) => `${host.name} has the network device ${l.split(" ")[1] ?? l}`));
  return left;
}

/** A guest that has moved leaves its images behind on purpose; anything else is nobody's. */
async function images({ source, destination }: Before, owner: StageHost): Promise<readonly string[]> {
  const left: string[] = [];
  const ours = DISKS.map((disk) => `${disk}.raw`);
  for (const host of [source, destination]) {
    const found = await names(host.imageDir);
    const expected = host.name === owner.name || host.name === source.name ? ours : [];
    if (found.join() !== expected.join())
      left.push(
        `${host.name} has the images ${found.join(", ") || "none"}, not ${expected.join(", ") || "none"}`,
      );
  }
  return left;
}

async function names(dir: string): Promise<readonly string[]> {
  const found: readonly string[] = await readdir(dir).catch(() => []);
  return found.toSorted((a, b) => a.localeCompare(b));
}
