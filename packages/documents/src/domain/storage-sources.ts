import type { BackingStore, StorageSource } from "./devices/storage-source.ts";
import type { DomainDefinition } from "./model.ts";

type Source = NonNullable<StorageSource>;
type Disk = DomainDefinition["devices"]["disks"][number];

/** What all images have: a source, those that lie below, and where the bytes are when they are elsewhere. */
interface Layer {
  readonly source?: Source;
  readonly backingStore?: BackingStore;
}

/** The definition with every source of storage changed: of disks, of what lies below them or is copied, of UEFI's variables. */
export function mapSources(
  definition: DomainDefinition,
  change: (source: Source) => Source,
): DomainDefinition {
  const { os, devices } = definition;
  const { nvram } = os;
  return {
    ...definition,
    os: nvram === undefined || nvram.type === "path" ? os : { ...os, nvram: mapLayer(nvram, change) },
    devices: { ...devices, disks: devices.disks.map((disk) => mapDisk(disk, change)) },
  };
}

function mapDisk(disk: Disk, change: (source: Source) => Source): Disk {
  const mapped = mapLayer(disk, change);
  return disk.mirror === undefined ? mapped : { ...mapped, mirror: mapLayer(disk.mirror, change) };
}

function mapLayer<L extends Layer>(layer: L, change: (source: Source) => Source): L {
  const { source, backingStore } = layer;
  return {
    ...layer,
    ...(source === undefined ? {} : { source: mapSource(source, change) }),
    ...(backingStore === undefined ? {} : { backingStore: mapStore(backingStore, change) }),
  };
}

function mapStore(store: BackingStore, change: (source: Source) => Source): BackingStore {
  return store.type === "none" ? store : mapLayer(store, change);
}

function mapSource(source: Source, change: (source: Source) => Source): Source {
  const changed = change(source);
  if (!("dataStore" in changed) || changed.dataStore === undefined) return changed;
  return { ...changed, dataStore: mapLayer(changed.dataStore, change) };
}
