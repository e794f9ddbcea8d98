import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import {
  ListOperationsRequest,
  OperationServiceService as service,
} from "@virtmesh/api/gen/virtmesh/v1/operation";
import { VirtError } from "@virtmesh/core/errors";
import { isUriPattern } from "@virtmesh/core/uri";
import { cancelOperation, followOperation, metadataOf, operationJson, throwIfFailed } from "../operations.ts";
import { drainLine } from "../output/drain.ts";
import { progressLine } from "../output/progress.ts";
import { clean } from "../output/table.ts";
import type { Session } from "../session.ts";
import type { Verb } from "../verb.ts";

interface Listed {
  readonly operations: readonly Operation[];
  readonly unreachable: readonly string[];
}

export async function listOperations(session: Session, filter: string): Promise<Listed> {
  const operations: Operation[] = [];
  const unreachable = new Set<string>();
  let pageToken = "";
  do {
    const request = ListOperationsRequest.fromPartial({
      uri: session.globals.connect,
      filter,
      pageToken,
      pageSize: 200,
    });
    const page = await session.rpc.unary(service.listOperations, request);
    operations.push(...page.operations);
    for (const host of page.unreachable) unreachable.add(host);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return { operations, unreachable: [...unreachable] };
}

/** The connection where an operation lives: -c, or the one host that lists it. */
async function placeOf(session: Session, name: string): Promise<string> {
  if (!isUriPattern(session.globals.connect)) return session.globals.connect;
  const { operations, unreachable } = await listOperations(session, "");
  const found = operations.find((operation) => operation.name === name);
  if (found !== undefined) return metadataOf(found).uri;
  const silent =
    unreachable.length === 0 ? "" : ` (not asked, because unreachable: ${unreachable.join(", ")})`;
  throw new VirtError("OPERATION_NOT_FOUND", `no host has an operation "${name}"${silent}`);
}

function stateOf(operation: Operation): string {
  if (operation.result?.$case === "error") return `failed: ${operation.result.value.message}`;
  if (operation.done) return "done";
  const { migration, drain, cancelRequested } = metadataOf(operation);
  const how =
    drain !== undefined ? drainLine(drain) : migration === undefined ? "running" : progressLine(migration);
  return cancelRequested ? `cancelling, ${how}` : how;
}

async function show(session: Session, all: boolean): Promise<void> {
  const { operations, unreachable } = await listOperations(session, all ? "" : "done = false");
  if (session.globals.json)
    return session.terminal.object({ operations: operations.map(operationJson), unreachable });
  session.terminal.table(
    [
      { title: "Name", cell: (o) => o.name },
      { title: "Verb", cell: (o) => metadataOf(o).verb },
      { title: "Domain", cell: (o) => metadataOf(o).domainName },
      { title: "Connection", cell: (o) => metadataOf(o).uri },
      { title: "Started", cell: (o) => metadataOf(o).startTime?.toISOString() ?? "-" },
      { title: "State", cell: stateOf },
    ],
    operations,
  );
  session.terminal.unreachable(unreachable);
}

export const operations: Verb = {
  name: "operations",
  group: "Events and operations",
  summary: "list long work, wait for it, or cancel it",
  args: [
    {
      name: "action",
      help: "list (the default), wait, cancel",
      optional: true,
      choices: ["list", "wait", "cancel"],
    },
    {
      name: "name",
      help: "operations/..., or what follows the slash",
      optional: true,
      completes: "operation",
    },
  ],
  options: [{ flags: "--all", help: "list what is over as well" }],
  async run(session, given) {
    const action = given.arg(0) || "list";
    if (action === "list") return show(session, given.flag("all"));
    if (given.arg(1) === "")
      throw new VirtError("INVALID_FIELD", `\`operations ${action}\` needs the name of an operation`);
    const name = given.arg(1).startsWith("operations/") ? given.arg(1) : `operations/${given.arg(1)}`;
    const uri = await placeOf(session, name);
    if (action === "cancel") {
      await cancelOperation(session, uri, name);
      return session.terminal.say(`${clean(name)} was asked to stop`);
    }
    const operation = await followOperation(session, { uri, name, begun: false }, () => undefined);
    if (session.globals.json) session.terminal.object(operationJson(operation));
    throwIfFailed(operation);
    session.terminal.say(`${clean(name)} is done`);
  },
};
