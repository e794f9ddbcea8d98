import { document } from "../schema/document.ts";
import { refuseAt, refuseDoubles } from "../schema/refuse.ts";
import type { BackupDefinition, BackupJob } from "./model.ts";
import { backupJobSchema, backupSchema } from "./model.ts";

const backupDocument = document("domainbackup", backupSchema, validateBackup);
const backupJobDocument = document("domainbackup", backupJobSchema, validateBackup);

/**
 * Reads and checks a backup that is asked for.
 * @throws XML_SYNTAX, XML_FORBIDDEN, XML_LIMIT, XML_UNKNOWN, XML_INVALID with path, line and column
 */
export function parseBackup(xml: string): BackupDefinition {
  return backupDocument.parse(xml);
}

/** As `parseBackup`, for one that runs: libvirt's own note of it. */
export function parseBackupJob(xml: string): BackupJob {
  return backupJobDocument.parse(xml);
}

export function formatBackup(backup: BackupDefinition): string {
  return backupDocument.format(backup);
}

export function formatBackupJob(backup: BackupJob): string {
  return backupJobDocument.format(backup);
}

function validateBackup(backup: BackupDefinition): void {
  const path = "/domainbackup";
  if (backup.mode === "pull") {
    const { server } = backup;
    if (server === undefined) refuseAt(path, `mode="pull" needs a <server> that clients fetch it from`);
    if (server.transport === "unix" && server.socket === undefined)
      refuseAt(`${path}/server`, `transport="unix" needs a socket`);
    if (server.transport === "tcp" && server.name === undefined)
      refuseAt(`${path}/server`, `transport="tcp" needs a name, which is the address to listen on`);
  }
  refuseDoubles(
    (backup.disks ?? []).map((disk) => disk.name),
    `${path}/disks/disk`,
  );
  backup.disks?.forEach((disk, i) => {
    if (disk.backupMode === "full" && disk.incremental !== undefined)
      refuseAt(
        `${path}/disks/disk[${i + 1}]`,
        `backupmode="full" has nothing to do with the checkpoint "${disk.incremental}"`,
      );
  });
}

/** A disk of the guest, as far as backups care. */
export interface BackedUpDisk {
  /** `vda`. */
  readonly target: string;
  /** Path of its image; undefined when it has none, or none that is a file. */
  readonly file?: string;
  readonly isEmpty: boolean;
  readonly readonly: boolean;
}

/**
 * A backup with every disk of the guest in it: those that nothing is said about are backed up when none is named. An
 * image that has no place yet lies beside the disk's own, with the suffix.
 * @throws XML_INVALID for a disk that the guest has not
 */
export function alignedBackup<B extends BackupDefinition>(
  backup: B,
  guest: readonly BackedUpDisk[],
  suffix: string,
): B {
  const given: readonly Disk[] = backup.disks ?? [];
  const named = given.map((disk, i) => {
    const own = guest.find(({ target }) => target === disk.name);
    if (own === undefined)
      refuseAt(`/domainbackup/disks/disk[${i + 1}]`, `the guest has no disk "${disk.name}"`);
    return placed(disk, own, backup, suffix);
  });
  const others = guest
    .filter(({ target }) => !given.some((disk) => disk.name === target))
    .map((own) => {
      const wanted = given.length === 0 && !own.isEmpty && !own.readonly;
      const disk: Disk = { name: own.target, backup: wanted };
      return wanted ? placed(disk, own, backup, suffix) : disk;
    });
  return { ...backup, disks: [...named, ...others] };
}

type Disk = NonNullable<Extract<BackupDefinition, { readonly mode: "pull" }>["disks"]>[number] &
  NonNullable<Extract<BackupDefinition, { readonly mode: "push" }>["disks"]>[number];

function placed(disk: Disk, own: BackedUpDisk, backup: BackupDefinition, suffix: string): Disk {
  if (!disk.backup) return { name: disk.name, backup: false };
  if (own.isEmpty) refuseAt("/domainbackup/disks", `the disk ${disk.name} is empty`);
  const since = disk.incremental ?? backup.incremental;
  const backupMode = disk.backupMode ?? (since === undefined ? "full" : "incremental");
  if (backupMode === "incremental" && since === undefined)
    refuseAt("/domainbackup/disks", `the incremental backup of ${disk.name} needs a checkpoint`);
  const key = backup.mode === "push" ? "target" : "scratch";
  const store = disk[key] ?? {
    seclabels: [],
    ...(own.file === undefined ? {} : { file: `${own.file}.${suffix}` }),
  };
  return {
    ...disk,
    type: disk.type ?? "file",
    backupMode,
    ...(backupMode === "incremental" && since !== undefined ? { incremental: since } : {}),
    [key]: store,
  };
}
