import { VirtError } from "@virtmesh/core/errors";
import type { XmlTree } from "@virtmesh/documents/xml/tree";
import {
  type DelayFault,
  type FailFault,
  type Faults,
  isReason,
  MIGRATION_MOMENTS,
  type MigrationFault,
  MIRROR_MOMENTS,
  NO_FAULTS,
  TEST_NAMESPACE,
} from "./faults.ts";

/**
 * Reads `<test:faults xmlns:test="https://virtmesh.dev/test/1">` out of what a definition has in its metadata.
 * @throws XML_INVALID for what it does not understand: a fault that is not taken would make a test pass wrongly.
 */
export function readFaults(metadata: readonly XmlTree[]): Faults {
  const found = metadata.find((tree) => localName(tree) === "faults" && declares(tree));
  if (found === undefined) return NO_FAULTS;
  const fail: FailFault[] = [];
  const delay: DelayFault[] = [];
  const ignore: string[] = [];
  const migration: MigrationFault[] = [];
  for (const child of found.children) {
    if (typeof child === "string") continue;
    switch (localName(child)) {
      case "fail":
        fail.push(readFail(child));
        break;
      case "delay":
        delay.push({ method: need(child, "method"), ms: number(child, "ms") });
        break;
      case "ignore":
        ignore.push(need(child, "method"));
        break;
      case "migration":
        migration.push(readMigration(child));
        break;
      default:
        throw invalid(`<${child.name}> is no fault; there are fail, delay, ignore and migration`);
    }
  }
  return { fail, delay, ignore, migration };
}

function readFail(tree: XmlTree): FailFault {
  const reason = attribute(tree, "reason") ?? "HYPERVISOR_FAILED";
  if (!isReason(reason))
    throw invalid(`<${tree.name} reason="${reason}"> is no reason of virtmesh, see docs/errors.md`);
  const method = need(tree, "method");
  const times = attribute(tree, "times") === undefined ? Number.POSITIVE_INFINITY : number(tree, "times");
  return {
    method,
    reason,
    message: attribute(tree, "message") ?? `${method} fails as it was configured to`,
    times,
  };
}

function readMigration(tree: XmlTree): MigrationFault {
  const moment = need(tree, "fail");
  const disk = attribute(tree, "disk");
  const message = attribute(tree, "message") ?? "fails as it was configured to";
  if (disk !== undefined) {
    const fail = MIRROR_MOMENTS.find((m) => m === moment);
    if (fail !== undefined) return { disk, fail, message };
    throw invalid(`<${tree.name} fail="${moment}"> of a disk can be ${MIRROR_MOMENTS.join(", ")}`);
  }
  const fail = MIGRATION_MOMENTS.find((m) => m === moment);
  if (fail !== undefined) return { fail, message };
  throw invalid(`<${tree.name} fail="${moment}"> without a disk can be ${MIGRATION_MOMENTS.join(", ")}`);
}

function localName(tree: XmlTree): string {
  return tree.name.slice(tree.name.indexOf(":") + 1);
}

function declares(tree: XmlTree): boolean {
  const colon = tree.name.indexOf(":");
  const declaration = colon < 0 ? "xmlns" : `xmlns:${tree.name.slice(0, colon)}`;
  return attribute(tree, declaration) === TEST_NAMESPACE;
}

function attribute(tree: XmlTree, name: string): string | undefined {
  return tree.attributes.find((a) => a.name === name)?.value;
}

function need(tree: XmlTree, name: string): string {
  const value = attribute(tree, name);
  if (value === undefined || value === "") throw invalid(`<${tree.name}> needs the attribute ${name}`);
  return value;
}

function number(tree: XmlTree, name: string): number {
  const text = need(tree, name);
  if (!/^\d{1,9}$/.test(text)) throw invalid(`<${tree.name} ${name}="${text}"> must be a whole number`);
  return Number(text);
}

function invalid(what: string): VirtError {
  const field = "/domain/metadata/faults";
  return new VirtError("XML_INVALID", `${what} (at ${field})`, {
    violations: [{ field, description: what }],
  });
}
