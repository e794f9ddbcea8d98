const VOLUMES = "/vmfs/volumes/";

/** What a .vmx file itself does not say of the files that it names. */
export interface Datastores {
  /** The folder that it stands in, `[datastore1] web`: names without a path mean files there. */
  readonly folder: string;
  /** The datastore's name for what stands behind /vmfs/volumes: its name, or the volume's UUID. */
  nameOf(volume: string): string;
}

/** `/vmfs/volumes/datastore1/web/web.vmdk` as `[datastore1] web/web.vmdk`. */
export function datastorePath(fileName: string, datastores: Datastores): string {
  if (fileName.startsWith(VOLUMES)) {
    const [volume = "", ...path] = fileName.slice(VOLUMES.length).split("/");
    return `[${datastores.nameOf(volume)}] ${path.join("/")}`;
  }
  return fileName.startsWith("/") ? fileName : `${datastores.folder}/${fileName}`;
}

/** The other way round; undefined for what is neither a path in a datastore nor one from the root. */
export function volumePath(path: string): string | undefined {
  const [, datastore, rest = ""] = /^\[([^\]]+)\] *(.*)$/.exec(path) ?? [];
  if (datastore !== undefined) return `${VOLUMES}${datastore}/${rest}`;
  return path.startsWith("/") ? path : undefined;
}
