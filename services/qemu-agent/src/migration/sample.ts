import type { MigrationSample } from "@virtmesh/core/driver/migration";
import type { QmpMigration } from "../qmp/commands.ts";
import type { QmpConnection } from "../qmp/connection.ts";

const TIMEOUT_MS = 1_000;

/** How far an outgoing migration is; `jobs`: what disk each copies, in the order of the definition. */
export async function sample(
  qmp: QmpConnection,
  jobs: ReadonlyMap<string, string>,
  { memory, signal }: { readonly memory: boolean; readonly signal: AbortSignal },
): Promise<MigrationSample> {
  const options = { signal, timeoutMs: TIMEOUT_MS };
  const [sent, copied] = await Promise.all([
    memory ? qmp.execute("query-migrate", undefined, options) : {},
    qmp.execute("query-block-jobs", undefined, options),
  ]);
  // QEMU lists them as they were made, which all were at once.
  const found = new Map(copied.map((job) => [job.device, job]));
  return {
    disks: [...jobs].flatMap(([id, target]) => {
      const job = found.get(id);
      if (job === undefined) return [];
      return [{ target, totalBytes: BigInt(job.len), copiedBytes: BigInt(job.offset) }];
    }),
    ...memoryOf(sent),
  };
}

function memoryOf(m: QmpMigration): Omit<MigrationSample, "disks"> {
  const { ram } = m;
  const n = (x: number | undefined): bigint => BigInt(Math.max(0, Math.round(x ?? 0)));
  return {
    memoryTotalBytes: n(ram?.total),
    memoryTransferredBytes: n(ram?.transferred),
    memoryRemainingBytes: n(ram?.remaining),
    dirtyBytesPerSecond: n((ram?.["dirty-pages-rate"] ?? 0) * (ram?.["page-size"] ?? 4096)),
    throughputBytesPerSecond: n(((ram?.mbps ?? 0) * 1e6) / 8),
    memoryPasses: ram?.["dirty-sync-count"] ?? 0,
    downtimeMs: m.downtime ?? 0,
  };
}
