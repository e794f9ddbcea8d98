import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import {
  type MigrationPreflight,
  type MigrationProgress,
  MigrationServiceService as migrations,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import { readDocument } from "../files.ts";
import { followOrCancel, NEVER } from "../long-work.ts";
import { metadataOf, operationJson, responseOf, throwIfFailed } from "../operations.ts";
import { LiveArea } from "../output/live.ts";
import { progressLine, renderProgress, reportSentence } from "../output/progress.ts";
import { clean } from "../output/table.ts";
import { formatBytes } from "../output/units.ts";
import { resolveTarget, type Session } from "../session.ts";
import { DOMAIN_ARGUMENT, type Verb } from "../verb.ts";
import { MIGRATE_OPTIONS, migrateRequest } from "./migrate-options.ts";

/** Shows how far a migration is: a picture on a terminal, a line for each phase and every ten per cent in a log. */
class ProgressView implements Disposable {
  readonly #session: Session;
  readonly #area: LiveArea | undefined;
  #last = "";

  constructor(session: Session) {
    this.#session = session;
    const { stderr } = session.terminal.streams;
    const shown = !session.globals.json && !session.globals.quiet;
    this.#area = shown && stderr.isTTY === true ? new LiveArea(stderr) : undefined;
  }

  show(operation: Operation): void {
    if (this.#session.globals.json) return this.#session.terminal.object(operationJson(operation));
    const { migration } = metadataOf(operation);
    if (migration === undefined || this.#session.globals.quiet) return;
    if (this.#area !== undefined) return this.#area.draw(renderProgress(migration, this.#area.width));
    const step = `${migration.phase} ${migration.wait?.place ?? ""} ${Math.floor(migration.percent / 10)} ${migration.stuckReason}`;
    if (step === this.#last) return;
    this.#last = step;
    this.#session.terminal.note(progressLine(migration));
  }

  [Symbol.dispose](): void {
    this.#area?.[Symbol.dispose]();
  }
}

/** Follows a migration to its exact end, also after Ctrl-C: only the end says where the guest runs. */
async function follow(session: Session, uri: string, begin: Promise<Operation>): Promise<Operation> {
  using view = new ProgressView(session);
  return await followOrCancel(session, begin, {
    uri,
    cancelling: "cancelling; waiting until it is certain where the guest runs (Ctrl-C again leaves it alone)",
    left: (name) => `the migration goes on without you; \`virtmesh operations wait ${name}\` follows it`,
    onChange: (operation) => view.show(operation),
  });
}

function showPreflight(session: Session, name: string, preflight: MigrationPreflight): void {
  session.terminal.say(`'${name}' can be migrated`);
  for (const disk of preflight.disks) {
    session.terminal.say(
      `  copy ${clean(disk.target)}: ${formatBytes(disk.totalBytes)} to ${clean(disk.destinationPath)}`,
    );
  }
  if (preflight.memoryBytes > 0n) session.terminal.say(`  memory: ${formatBytes(preflight.memoryBytes)}`);
  for (const warning of preflight.warnings) session.terminal.note(`warning: ${clean(warning)}`);
}

export const migrate: Verb = {
  name: "migrate",
  group: "Migration",
  summary: "move a guest to another host",
  args: [
    DOMAIN_ARGUMENT,
    { name: "destination_uri", help: "connection of the other host: qemu://host-b/system", completes: "uri" },
  ],
  options: MIGRATE_OPTIONS,
  notes:
    "Ctrl-C cancels the migration and waits until it is certain where the guest runs.\n" +
    "Unlike virsh, --timeout gives up and stays on the source; it does not pause the guest.",
  async run(session, given) {
    const file = given.text("xml");
    const xml = file === "" ? "" : await readDocument(file, session.terminal.streams.stdin);
    const name = clean(given.arg(0));
    const target = await resolveTarget(session, given.arg(0));
    const request = migrateRequest(target, given.arg(1), given, xml);
    const begin = session.rpc.unary(migrations.migrateDomain, request, NEVER);
    if (given.flag("detach")) {
      const operation = await begin;
      if (session.globals.json) return session.terminal.object(operationJson(operation));
      return session.terminal.print(operation.name);
    }
    const operation = await follow(session, target.uri, begin);
    const preflight = responseOf(operation, "virtmesh.v1.MigrationPreflight");
    if (session.globals.json && (preflight !== undefined || request.validateOnly))
      session.terminal.object(operationJson(operation));
    throwIfFailed(operation);
    if (preflight !== undefined) return showPreflight(session, name, preflight);
    const report = responseOf(operation, "virtmesh.v1.MigrationReport");
    session.terminal.say(
      report === undefined ? `'${name}' was migrated to ${given.arg(1)}` : reportSentence(name, report),
    );
  },
};

/** Facts of a running migration as `virsh domjobinfo` lists them. */
export function jobFields(
  progress: MigrationProgress,
  elapsed: string,
  phase: string,
): readonly (readonly [string, string | undefined])[] {
  const bytes = (n: bigint): string | undefined => (n > 0n ? formatBytes(n) : undefined);
  const sum = (pick: (disk: MigrationProgress["disks"][number]) => bigint): bigint =>
    progress.disks.reduce((total, disk) => total + pick(disk), 0n);
  return [
    ["Job type", "Unbounded"],
    ["Operation", "Outgoing migration"],
    ["Phase", phase],
    ["Time elapsed", elapsed],
    ["Progress", `${progress.percent.toFixed(1)} %`],
    ["Memory processed", bytes(progress.memoryTransferredBytes)],
    ["Memory remaining", bytes(progress.memoryRemainingBytes)],
    ["Memory total", bytes(progress.memoryTotalBytes)],
    [
      "Memory bandwidth",
      progress.throughputBytesPerSecond > 0n
        ? `${formatBytes(progress.throughputBytesPerSecond)}/s`
        : undefined,
    ],
    [
      "Dirty rate",
      progress.dirtyBytesPerSecond > 0n ? `${formatBytes(progress.dirtyBytesPerSecond)}/s` : undefined,
    ],
    ["Iteration", progress.memoryPasses > 0 ? String(progress.memoryPasses) : undefined],
    ["File processed", bytes(sum((d) => d.copiedBytes))],
    ["File total", bytes(sum((d) => d.totalBytes))],
    ["Stuck", progress.stuckReason],
  ];
}
