import {
  GetSavedStateRequest,
  ManagedSaveDomainRequest,
  RemoveManagedSaveRequest,
  RestoreDomainRequest,
  ResumeState,
  SaveDomainRequest,
  SavedState,
  SavedStateServiceService as saved,
} from "@virtmesh/api/gen/virtmesh/v1/saved_state";
import { VirtError } from "@virtmesh/core/errors";
import { readDocument } from "../files.ts";
import { perform } from "../long-work.ts";
import { clean } from "../output/table.ts";
import { oneConnection, resolveTarget } from "../session.ts";
import { DOMAIN_ARGUMENT, type Given, type Verb, type VerbArgument, type VerbOption } from "../verb.ts";

const GROUP = "Snapshots and saved guests";
const FILE: VerbArgument = { name: "file", help: "absolute path on the guest's host" };
const RESUMING: readonly VerbOption[] = [
  { flags: "--running", help: "it runs when it is there again" },
  { flags: "--paused", help: "it is paused when it is there again" },
];

function resumeOf(given: Given): ResumeState {
  const [running, paused] = [given.flag("running"), given.flag("paused")];
  if (running && paused) throw new VirtError("INVALID_FIELD", "--running and --paused exclude each other");
  if (running) return ResumeState.RESUME_STATE_RUNNING;
  return paused ? ResumeState.RESUME_STATE_PAUSED : ResumeState.RESUME_STATE_UNSPECIFIED;
}

export const save: Verb = {
  name: "save",
  group: GROUP,
  summary: "write the memory of a guest to a file and stop it",
  args: [DOMAIN_ARGUMENT, FILE],
  options: RESUMING,
  async run(session, given) {
    const target = await resolveTarget(session, given.arg(0));
    const path = given.arg(1);
    const request = { ...target, path, resume: resumeOf(given), requestId: crypto.randomUUID() };
    const begin = session.rpc.unary(saved.saveDomain, SaveDomainRequest.fromPartial(request));
    await perform(session, target.uri, begin, `Domain '${clean(given.arg(0))}' saved to ${clean(path)}`);
  },
};

export const restore: Verb = {
  name: "restore",
  group: GROUP,
  summary: "let a guest go on from a file",
  args: [FILE],
  options: [
    ...RESUMING,
    { flags: "--xml <file>", help: "a definition to run it with instead", completes: "file" },
  ],
  async run(session, given) {
    const uri = oneConnection(session);
    const [path, file] = [given.arg(0), given.text("xml")];
    const xml = file === "" ? "" : await readDocument(file, session.terminal.streams.stdin);
    const request = { uri, path, xml, resume: resumeOf(given), requestId: crypto.randomUUID() };
    const begin = session.rpc.unary(saved.restoreDomain, RestoreDomainRequest.fromPartial(request));
    await perform(session, uri, begin, `Domain restored from ${clean(path)}`);
  },
};

export const saveImageDumpxml: Verb = {
  name: "save-image-dumpxml",
  group: GROUP,
  summary: "print the definition of the guest that a file holds",
  args: [FILE],
  options: [{ flags: "--security-info", help: "with passwords" }],
  async run(session, given) {
    const request = { uri: oneConnection(session), path: given.arg(0), secure: given.flag("securityInfo") };
    const answer = await session.rpc.unary(saved.getSavedState, GetSavedStateRequest.fromPartial(request));
    if (session.globals.json) session.terminal.object(SavedState.toJSON(answer));
    else session.terminal.print(answer.xml);
  },
};

export const managedsave: Verb = {
  name: "managedsave",
  group: GROUP,
  summary: "save a guest and stop it; its next start goes on from there",
  args: [DOMAIN_ARGUMENT],
  options: RESUMING,
  async run(session, given) {
    const target = await resolveTarget(session, given.arg(0));
    const request = { ...target, resume: resumeOf(given), requestId: crypto.randomUUID() };
    const begin = session.rpc.unary(saved.managedSaveDomain, ManagedSaveDomainRequest.fromPartial(request));
    await perform(session, target.uri, begin, `Domain '${clean(given.arg(0))}' state saved`);
  },
};

export const managedsaveRemove: Verb = {
  name: "managedsave-remove",
  group: GROUP,
  summary: "forget what was saved of a guest: its next start boots",
  args: [DOMAIN_ARGUMENT],
  async run(session, given) {
    const target = await resolveTarget(session, given.arg(0));
    const request = RemoveManagedSaveRequest.fromPartial({ ...target, requestId: crypto.randomUUID() });
    await session.rpc.unary(saved.removeManagedSave, request);
    if (session.globals.json) session.terminal.object({});
    else session.terminal.say(`Removed the saved state of domain '${clean(given.arg(0))}'`);
  },
};
