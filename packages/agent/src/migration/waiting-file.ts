import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { MigrateDomainRequest } from "@virtmesh/api/gen/virtmesh/v1/migration";
import { VirtError } from "@virtmesh/core/errors";
import type { MigrationId } from "@virtmesh/core/ids";
import { JsonFile } from "../journal/json-file.ts";

/** A migration that waits for its turn, as it is kept on disk. Nothing of it has been begun. */
export interface WaitingMigration {
  readonly id: MigrationId;
  readonly uuid: string;
  readonly name: string;
  readonly request: MigrateDomainRequest;
  readonly sinceMs: number;
  /** `operations/<id>` of which it is a part; empty for none. */
  readonly parent: string;
  readonly actor: string;
  readonly trace: string;
}

const SUFFIX = ".waiting.json";

/** Durable when it resolves. */
export async function keepWaiting(dir: string, waiting: WaitingMigration): Promise<void> {
  const content = {
    ...waiting,
    // For people, and the same for programs.
    request: MigrateDomainRequest.toJSON(waiting.request),
    message: Buffer.from(MigrateDomainRequest.encode(waiting.request).finish()).toString("base64"),
  };
  await new JsonFile(join(dir, waiting.id + SUFFIX), () => content).save();
}

export async function forgetWaiting(dir: string, id: MigrationId): Promise<void> {
  await rm(join(dir, id + SUFFIX), { force: true });
}

/** Those that waited when the agent ended, the oldest first. */
export async function readWaiting(dir: string): Promise<readonly WaitingMigration[]> {
  const names = (await readdir(dir).catch(() => [])).filter((name) => name.endsWith(SUFFIX));
  const all = await Promise.all(names.map((name) => readOne(join(dir, name))));
  return all.toSorted((a, b) => a.sinceMs - b.sinceMs);
}

async function readOne(path: string): Promise<WaitingMigration> {
  const content = await JsonFile.read(path);
  if (!isStored(content)) {
    throw new VirtError("HOST_SETUP", `${path} is no migration that waits; move it away to begin without it`);
  }
  const { message, ...waiting } = content;
  return { ...waiting, request: MigrateDomainRequest.decode(Buffer.from(message, "base64")) };
}

type Stored = Omit<WaitingMigration, "request"> & { readonly message: string };

function isStored(value: unknown): value is Stored {
  if (typeof value !== "object" || value === null) return false;
  const w = value as Partial<Record<keyof Stored, unknown>>;
  const texts = [w.id, w.uuid, w.name, w.parent, w.actor, w.trace, w.message];
  return texts.every((t) => typeof t === "string") && typeof w.sinceMs === "number";
}
