import { stat } from "node:fs/promises";

/** Major number of the kernel's driver for drives of discs (sr). */
const SCSI_CDROM_MAJOR = 11;

/** Whether a path is a drive for discs, whose tray and media the host knows about. */
export async function isDiscDrive(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isBlockDevice() === true && (found.rdev >> 8) % 4096 === SCSI_CDROM_MAJOR;
}
