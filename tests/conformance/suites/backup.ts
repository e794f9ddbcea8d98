import {
  alignedBackup,
  formatBackup,
  formatBackupJob,
  parseBackup,
  parseBackupJob,
} from "@virtmesh/documents/backup/document";
import type { BackupDefinition } from "@virtmesh/documents/backup/model";
import { type Fact, structuresOf } from "../program/facts.ts";
import { rewritten } from "../rewritten.ts";
import type { Suite } from "../suite.ts";
import { schemaDocuments } from "../schema-documents.ts";

export const backup: Suite = {
  name: "backup",
  about: "backups, asked for and running, completed from the guest's disks: in to out",
  goal: 98,
  cases: (corpus) => {
    const invalid = schemaDocuments(corpus).filter((document) => document.isInvalid);
    const facts = corpus.program("genericxml2xmltest.c");
    return structuresOf(facts, "testCompareBackupXMLData").map((info) => ({
      name: info["testname"] ?? "",
      run: () => {
        const file = `${info["testname"]}.xml`;
        const given = corpus.read("domainbackupxml2xmlin", file);
        const expected = corpus.read("domainbackupxml2xmlout", file);
        if (info["internal"] !== "true") {
          return rewritten(expected, formatBackup(aligned(parseBackup(given), facts)), "domainbackup");
        }
        const written = formatBackupJob(aligned(parseBackupJob(given), facts));
        // What libvirt only keeps for itself has no schema.
        const hasSchema = !invalid.some(({ path }) => path.endsWith(`/${file}`));
        const outcome = rewritten(expected, written, "domainbackup");
        return hasSchema || outcome.kind !== "pass" ? outcome : { kind: "pass" };
      },
    }));
  },
};

/** The guest that the test program makes up: a disk for each that is named, and one that is not. */
function aligned<B extends BackupDefinition>(given: B, facts: readonly Fact[]): B {
  const argument = (name: string, shape: RegExp): string =>
    facts
      .flatMap((fact) => (fact.kind === "call" && fact.function === name ? fact.arguments : []))
      .findLast((text) => shape.test(text)) ?? "";
  const other = argument("testCompareBackupXMLGetFakeDomdisk", /^\w+$/);
  const path = argument("g_strdup_printf", /^\/\w+\/%s\.\w+$/);
  const disks = [...(given.disks ?? []).map((disk) => disk.name), other].map((target) => ({
    target,
    file: path.replace("%s", target),
    isEmpty: false,
    readonly: false,
  }));
  return alignedBackup(given, disks, argument("virDomainBackupAlignDisks", /^[A-Z]+$/));
}
