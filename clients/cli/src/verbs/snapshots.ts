import { domainStateToJSON } from "@virtmesh/api/gen/virtmesh/v1/domain";
import {
  CreateSnapshotRequest,
  DeleteSnapshotRequest,
  GetSnapshotRequest,
  GetSnapshotXmlRequest,
  GetSnapshotXmlResponse,
  ListSnapshotsRequest,
  ListSnapshotsResponse,
  RevertSnapshotRequest,
  RevertState,
  Snapshot,
  SnapshotScope,
  SnapshotServiceService as snapshots,
} from "@virtmesh/api/gen/virtmesh/v1/snapshot";
import { VirtError } from "@virtmesh/core/errors";
import { readDocument } from "../files.ts";
import { perform } from "../long-work.ts";
import { responseOf } from "../operations.ts";
import { snapshotTree } from "../output/snapshot-tree.ts";
import { clean } from "../output/table.ts";
import { enumWord } from "../output/units.ts";
import { resolveTarget, type Session } from "../session.ts";
import { DOMAIN_ARGUMENT, type Given, type Verb, type VerbArgument, type VerbOption } from "../verb.ts";

const GROUP = "Snapshots and saved guests";
const SNAPSHOT: VerbArgument = { name: "snapshot", help: "its name" };
const OR_CURRENT: VerbArgument = { ...SNAPSHOT, optional: true };
const CURRENT: VerbOption = { flags: "--current", help: "the current one" };
const MAKING: readonly VerbOption[] = [
  { flags: "--disk-only", help: "without the memory of a guest that runs" },
  { flags: "--quiesce", help: "the guest's agent freezes its file systems meanwhile" },
  { flags: "--halt", help: "leave the guest stopped afterwards" },
];

/** The name of the snapshot that is meant; "" is the current one, which must be asked for. */
function snapshotOf(given: Given): string {
  const name = given.arg(1);
  if (name !== "" && given.flag("current"))
    throw new VirtError("INVALID_FIELD", "name a snapshot or say --current, not both");
  if (name === "" && !given.flag("current"))
    throw new VirtError("INVALID_FIELD", "name a snapshot, or say --current");
  return name;
}

async function make(session: Session, given: Given, wanted: Partial<CreateSnapshotRequest>): Promise<void> {
  const target = await resolveTarget(session, given.arg(0));
  const request = CreateSnapshotRequest.fromPartial({
    ...{ ...target, ...wanted, requestId: crypto.randomUUID() },
    ...{ diskOnly: given.flag("diskOnly"), quiesce: given.flag("quiesce"), halt: given.flag("halt") },
  });
  const ended = await perform(session, target.uri, session.rpc.unary(snapshots.createSnapshot, request), "");
  const made = responseOf(ended, "virtmesh.v1.Snapshot");
  session.terminal.say(`Domain snapshot ${clean(made?.name ?? "")} created`);
}

export const snapshotCreate: Verb = {
  name: "snapshot-create",
  group: GROUP,
  summary: "make a snapshot of a guest",
  args: [
    DOMAIN_ARGUMENT,
    {
      name: "file",
      help: "libvirt XML of the snapshot; - is standard input",
      optional: true,
      completes: "file",
    },
  ],
  options: MAKING,
  async run(session, given) {
    const file = given.arg(1);
    const xml = file === "" ? "" : await readDocument(file, session.terminal.streams.stdin);
    await make(session, given, { xml });
  },
};

export const snapshotCreateAs: Verb = {
  name: "snapshot-create-as",
  group: GROUP,
  summary: "make a snapshot of a guest with this name",
  args: [
    DOMAIN_ARGUMENT,
    { ...OR_CURRENT, help: "its name; made up unless given" },
    { name: "description", help: "what it is for", optional: true },
  ],
  options: MAKING,
  run: (session, given) => make(session, given, { name: given.arg(1), description: given.arg(2) }),
};

const stateWord = (snapshot: Snapshot): string =>
  enumWord(domainStateToJSON(snapshot.state), "DOMAIN_STATE_").replace("shutoff", "shut off");

export const snapshotList: Verb = {
  name: "snapshot-list",
  group: GROUP,
  summary: "the snapshots of a guest",
  args: [DOMAIN_ARGUMENT],
  options: [
    { flags: "--tree", help: "as a tree" },
    { flags: "--parent", help: "with the parent of each" },
    { flags: "--name", help: "only the names" },
    { flags: "--roots", help: "only those without a parent" },
    { flags: "--leaves", help: "only those without children" },
  ],
  async run(session, given) {
    const target = await resolveTarget(session, given.arg(0));
    const { snapshots: all } = await session.rpc.unary(
      snapshots.listSnapshots,
      ListSnapshotsRequest.fromPartial(target),
    );
    const parents = new Set(all.map((each) => each.parent));
    const shown = all.filter(
      (each) =>
        (!given.flag("roots") || each.parent === "") && (!given.flag("leaves") || !parents.has(each.name)),
    );
    if (session.globals.json) {
      session.terminal.object(ListSnapshotsResponse.toJSON({ snapshots: shown }));
      return;
    }
    if (given.flag("tree")) return session.terminal.print(snapshotTree(all).map(clean).join("\n"));
    if (given.flag("name")) {
      for (const each of shown) session.terminal.print(clean(each.name));
      return;
    }
    session.terminal.table(
      [
        { title: "Name", cell: (each) => each.name },
        { title: "Creation Time", cell: (each) => each.createTime?.toISOString() ?? "-" },
        { title: "State", cell: stateWord },
        ...(given.flag("parent") ? [{ title: "Parent", cell: (each: Snapshot) => each.parent || "-" }] : []),
      ],
      shown,
    );
  },
};

async function get(session: Session, given: Given, snapshot: string): Promise<Snapshot> {
  const target = await resolveTarget(session, given.arg(0));
  return session.rpc.unary(snapshots.getSnapshot, GetSnapshotRequest.fromPartial({ ...target, snapshot }));
}

export const snapshotInfo: Verb = {
  name: "snapshot-info",
  group: GROUP,
  summary: "the main facts of a snapshot",
  args: [DOMAIN_ARGUMENT, OR_CURRENT],
  options: [CURRENT],
  async run(session, given) {
    const found = await get(session, given, snapshotOf(given));
    if (session.globals.json) return session.terminal.object(Snapshot.toJSON(found));
    session.terminal.fields([
      ["Name", found.name],
      ["Description", found.description],
      ["Current", found.current ? "yes" : "no"],
      ["State", stateWord(found)],
      ["Location", found.internal ? "internal" : "external"],
      ["Memory", found.memory ? "yes" : "no"],
      ["Parent", found.parent || "-"],
      ["Created", found.createTime?.toISOString()],
    ]);
  },
};

async function dump(session: Session, given: Given, snapshot: string): Promise<void> {
  const target = await resolveTarget(session, given.arg(0));
  const secure = given.flag("securityInfo");
  const request = GetSnapshotXmlRequest.fromPartial({ ...target, snapshot, secure });
  const answer = await session.rpc.unary(snapshots.getSnapshotXml, request);
  if (session.globals.json) session.terminal.object(GetSnapshotXmlResponse.toJSON(answer));
  else session.terminal.print(answer.xml);
}

const SECURE: VerbOption = { flags: "--security-info", help: "with passwords" };

export const snapshotCurrent: Verb = {
  name: "snapshot-current",
  group: GROUP,
  summary: "the snapshot that the disks of a guest are based on",
  args: [DOMAIN_ARGUMENT],
  options: [{ flags: "--name", help: "only its name" }, SECURE],
  async run(session, given) {
    if (!given.flag("name")) return dump(session, given, "");
    const found = await get(session, given, "");
    if (session.globals.json) session.terminal.object(Snapshot.toJSON(found));
    else session.terminal.print(clean(found.name));
  },
};

export const snapshotDumpxml: Verb = {
  name: "snapshot-dumpxml",
  group: GROUP,
  summary: "print a snapshot as libvirt XML",
  args: [DOMAIN_ARGUMENT, SNAPSHOT],
  options: [SECURE],
  run: (session, given) => dump(session, given, given.arg(1)),
};

export const snapshotRevert: Verb = {
  name: "snapshot-revert",
  group: GROUP,
  summary: "return a guest to a snapshot; what it did since is lost",
  args: [DOMAIN_ARGUMENT, OR_CURRENT],
  options: [
    CURRENT,
    { flags: "--running", help: "let it run afterwards" },
    { flags: "--paused", help: "leave it paused afterwards" },
  ],
  async run(session, given) {
    const snapshot = snapshotOf(given);
    const [running, paused] = [given.flag("running"), given.flag("paused")];
    if (running && paused) throw new VirtError("INVALID_FIELD", "--running and --paused exclude each other");
    const target = await resolveTarget(session, given.arg(0));
    const state = running
      ? RevertState.REVERT_STATE_RUNNING
      : paused
        ? RevertState.REVERT_STATE_PAUSED
        : RevertState.REVERT_STATE_UNSPECIFIED;
    const request = { ...target, snapshot, state, requestId: crypto.randomUUID() };
    const begin = session.rpc.unary(snapshots.revertSnapshot, RevertSnapshotRequest.fromPartial(request));
    await perform(session, target.uri, begin, "Domain reverted to snapshot");
  },
};

export const snapshotDelete: Verb = {
  name: "snapshot-delete",
  group: GROUP,
  summary: "delete a snapshot; its children become those of its parent",
  args: [DOMAIN_ARGUMENT, OR_CURRENT],
  options: [
    CURRENT,
    { flags: "--children", help: "and all below it" },
    { flags: "--children-only", help: "only what is below it" },
  ],
  async run(session, given) {
    const snapshot = snapshotOf(given);
    const target = await resolveTarget(session, given.arg(0));
    const scope = given.flag("childrenOnly")
      ? SnapshotScope.SNAPSHOT_SCOPE_CHILDREN_ONLY
      : given.flag("children")
        ? SnapshotScope.SNAPSHOT_SCOPE_CHILDREN
        : SnapshotScope.SNAPSHOT_SCOPE_UNSPECIFIED;
    const request = { ...target, snapshot, scope, requestId: crypto.randomUUID() };
    const begin = session.rpc.unary(snapshots.deleteSnapshot, DeleteSnapshotRequest.fromPartial(request));
    await perform(
      session,
      target.uri,
      begin,
      snapshot === "" ? "Current domain snapshot deleted" : `Domain snapshot ${clean(snapshot)} deleted`,
    );
  },
};
