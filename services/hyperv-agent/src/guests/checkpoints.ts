import type { SnapshotInfo } from "@virtmesh/core/driver/snapshots";
import { keyInPath, sameId } from "../msvm/object-path.ts";
import { checkpointDescription } from "../settings/kept.ts";
import type { Msvm } from "../msvm/types.ts";

type Settings = Msvm<"Msvm_VirtualSystemSettingData">;

export interface Checkpoint {
  /** InstanceID of its settings. */
  readonly id: string;
  readonly info: SnapshotInfo;
  readonly notes: readonly string[];
}

/** VirtualSystemType of settings that a checkpoint keeps. */
export const CHECKPOINT = "Microsoft:Hyper-V:Snapshot:Realized";

/** The checkpoints among the settings of a guest, parents before their children. `system`: its settings as they are. */
export function checkpointTree(all: readonly Settings[], system: Settings): readonly Checkpoint[] {
  const kept = all.filter(({ VirtualSystemType }) => VirtualSystemType === CHECKPOINT);
  const current = parentOf(system);
  const branch = (parent: Settings | undefined): readonly Checkpoint[] =>
    kept
      .filter((each) => {
        const above = kept.find(({ InstanceID }) => sameId(InstanceID, parentOf(each)));
        return above === parent;
      })
      .sort((a, b) => timeOf(a) - timeOf(b))
      .flatMap((each) => [checkpointOf(each, parent, current), ...branch(each)]);
  return branch(undefined);
}

function checkpointOf(each: Settings, parent: Settings | undefined, current: string | undefined): Checkpoint {
  const id = each.InstanceID ?? "";
  // One of a guest that ran keeps its memory as a saved state does.
  const memory = each.IsSaved === true;
  return {
    id,
    notes: each.Notes ?? [],
    info: {
      ...{ name: each.ElementName ?? "", parent: parent?.ElementName ?? "" },
      description: checkpointDescription(each.Notes ?? []),
      current: sameId(id, current),
      createTimeMs: timeOf(each),
      ...{ state: memory ? "running" : "shutoff", memory, internal: false },
    },
  };
}

function parentOf({ Parent }: Settings): string | undefined {
  return Parent === undefined ? undefined : keyInPath(Parent, "InstanceID");
}

function timeOf({ CreationTime }: Settings): number {
  return Date.parse(CreationTime ?? "") || 0;
}
