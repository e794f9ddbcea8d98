import {
  ListPoolsResponse,
  StoragePool,
  StorageServiceService as storage,
  storagePoolStateToJSON,
} from "@virtmesh/api/gen/virtmesh/v1/storage";
import { isUriPattern } from "@virtmesh/core/uri";
import type { Column } from "../output/table.ts";
import { enumWord, formatBytes } from "../output/units.ts";
import { listPools, resolvePool } from "../storage.ts";
import type { Verb, VerbArgument } from "../verb.ts";

export const POOL_ARGUMENT: VerbArgument = {
  name: "pool",
  help: "name or UUID, with or without its connection (esx://host-a/NAME)",
  completes: "pool",
};

function stateWord(pool: StoragePool): string {
  const word = enumWord(storagePoolStateToJSON(pool.state), "STORAGE_POOL_STATE_");
  return word === "running" ? "active" : word;
}

export const poolList: Verb = {
  name: "pool-list",
  group: "Storage",
  summary: "list storage pools of a connection, of a pattern of hosts, or of the fleet",
  options: [
    { flags: "--details", help: "with type, path and sizes" },
    { flags: "--name", help: "print names only" },
    { flags: "--uuid", help: "print UUIDs only" },
  ],
  async run(session, given) {
    const { connect } = session.globals;
    const answer = await listPools(session, connect);
    const { pools } = answer;
    if (session.globals.json) return session.terminal.object(ListPoolsResponse.toJSON(answer));
    if (given.flag("name")) for (const { name } of pools) session.terminal.print(name);
    else if (given.flag("uuid")) for (const { uuid } of pools) session.terminal.print(uuid);
    else {
      const columns: readonly Column<StoragePool>[] = [
        ...(isUriPattern(connect) ? [{ title: "Host", cell: (p: StoragePool) => p.host }] : []),
        { title: "Name", cell: (p) => p.name },
        { title: "State", cell: stateWord },
      ];
      const details: readonly Column<StoragePool>[] = [
        { title: "Type", cell: (p) => p.type },
        { title: "Capacity", right: true, cell: (p) => formatBytes(p.capacityBytes) },
        { title: "Allocation", right: true, cell: (p) => formatBytes(p.allocationBytes) },
        { title: "Available", right: true, cell: (p) => formatBytes(p.availableBytes) },
        { title: "Path", cell: (p) => p.path },
      ];
      session.terminal.table(given.flag("details") ? [...columns, ...details] : columns, pools);
    }
    session.terminal.unreachable(answer.unreachable);
  },
};

export const poolInfo: Verb = {
  name: "pool-info",
  group: "Storage",
  summary: "the main facts of a storage pool",
  args: [POOL_ARGUMENT],
  async run(session, given) {
    const pool = await session.rpc.unary(storage.getPool, await resolvePool(session, given.arg(0)));
    if (session.globals.json) return session.terminal.object(StoragePool.toJSON(pool));
    session.terminal.fields([
      ["Name", pool.name],
      ["UUID", pool.uuid],
      ["State", stateWord(pool)],
      ["Type", pool.type],
      ["Path", pool.path],
      ["Capacity", formatBytes(pool.capacityBytes)],
      ["Allocation", formatBytes(pool.allocationBytes)],
      ["Available", formatBytes(pool.availableBytes)],
    ]);
  },
};
