import {
  formatSnapshot,
  parseSnapshot,
  redefinedSnapshot,
  requestedSnapshot,
} from "@virtmesh/documents/snapshot/document";
import type { SnapshotDefinition } from "@virtmesh/documents/snapshot/model";
import type { Corpus } from "../corpus.ts";
import { type Fields, flagsOf, structuresOf } from "../program/facts.ts";
import { rewritten } from "../rewritten.ts";
import type { Outcome, Suite } from "../suite.ts";

export const snapshot: Suite = {
  name: "snapshot",
  about: "snapshots, asked for and made known again: in to out",
  goal: 98,
  cases: (corpus) =>
    structuresOf(corpus.program("qemudomainsnapshotxml2xmltest.c"), "testInfo").map((info) => ({
      name: (info["outxml"] ?? "").slice(corpus.dir.length + 1),
      run: () => runCase(corpus, info),
    })),
};

function runCase(corpus: Corpus, info: Fields): Outcome {
  const flags = flagsOf(info["flags"]);
  const given = parseSnapshot(corpus.read(info["inxml"] ?? ""));
  const time = Number(info["creationTime"]);
  const meant = flags.has("TEST_REDEFINE")
    ? redefinedSnapshot(given)
    : requestedSnapshot(given, time === 0 ? undefined : time);
  const owner =
    info["uuid"] === "NULL" || meant.domain !== undefined ? {} : { owner: { uuid: info["uuid"] } };
  const written = formatSnapshot({
    ...meant,
    ...(flags.has("TEST_RUNNING") ? { state: "running" } : {}),
    ...owner,
  } as SnapshotDefinition);
  return rewritten(corpus.read(info["outxml"] ?? ""), written, "domainsnapshot");
}
