import {
  CreateVolumeRequest,
  DeleteVolumeRequest,
  ListVolumesResponse,
  ResizeVolumeRequest,
  StorageServiceService as storage,
  StorageVolume,
} from "@virtmesh/api/gen/virtmesh/v1/storage";
import { perform } from "../long-work.ts";
import { clean, type Column } from "../output/table.ts";
import { formatBytes } from "../output/units.ts";
import type { Session } from "../session.ts";
import { parseSize } from "../sizes.ts";
import { listVolumes, type PoolTarget, resolvePool } from "../storage.ts";
import type { Given, Verb, VerbArgument, VerbOption } from "../verb.ts";
import { POOL_ARGUMENT } from "./pools.ts";

export const VOLUME: VerbArgument = {
  name: "volume",
  help: "its name in the pool, or its path",
  completes: "volume",
};
export const IN_POOL: VerbOption = {
  flags: "--pool <pool>",
  help: "the pool it is in; must be given",
  completes: "pool",
};

/** The volume that a verb is about, in the pool of `--pool`. */
export async function volumeOf(
  session: Session,
  given: Given,
): Promise<PoolTarget & { readonly volume: string }> {
  return { ...(await resolvePool(session, given.text("pool"))), volume: given.arg(0) };
}

export const volList: Verb = {
  name: "vol-list",
  group: "Storage",
  summary: "the volumes of a storage pool",
  args: [POOL_ARGUMENT],
  options: [
    { flags: "--details", help: "with format and sizes" },
    { flags: "--filter <expression>", help: 'for example format = "vmdk" AND name : "web/*"' },
  ],
  async run(session, given) {
    const target = await resolvePool(session, given.arg(0));
    const volumes = await listVolumes(session, target, given.text("filter"));
    if (session.globals.json)
      return session.terminal.object(
        ListVolumesResponse.toJSON({ volumes: [...volumes], nextPageToken: "" }),
      );
    const columns: readonly Column<StorageVolume>[] = [
      { title: "Name", cell: (v) => v.name },
      { title: "Path", cell: (v) => v.path },
    ];
    const details: readonly Column<StorageVolume>[] = [
      { title: "Format", cell: (v) => v.format || "-" },
      { title: "Capacity", right: true, cell: (v) => formatBytes(v.capacityBytes) },
      { title: "Allocation", right: true, cell: (v) => formatBytes(v.allocationBytes) },
    ];
    session.terminal.table(given.flag("details") ? [...columns, ...details] : columns, volumes);
  },
};

export const volInfo: Verb = {
  name: "vol-info",
  group: "Storage",
  summary: "the main facts of a volume",
  args: [VOLUME],
  options: [IN_POOL],
  async run(session, given) {
    const volume = await session.rpc.unary(storage.getVolume, await volumeOf(session, given));
    if (session.globals.json) return session.terminal.object(StorageVolume.toJSON(volume));
    session.terminal.fields([
      ["Name", volume.name],
      ["Path", volume.path],
      ["Format", volume.format],
      ["Capacity", formatBytes(volume.capacityBytes)],
      ["Allocation", formatBytes(volume.allocationBytes)],
      ["Changed", volume.modifyTime?.toISOString()],
    ]);
  },
};

export const volCreateAs: Verb = {
  name: "vol-create-as",
  group: "Storage",
  summary: "make an empty volume",
  args: [
    POOL_ARGUMENT,
    { name: "name", help: "its name in the pool; folders in it are made" },
    { name: "capacity", help: "in bytes, or with a unit: 20GiB" },
  ],
  options: [
    {
      flags: "--allocation <size>",
      help: "how much the pool gives at once; as little as possible unless given",
    },
    { flags: "--format <format>", help: "vmdk, qcow2, raw, vhdx, ...; as the hypervisor usually has it" },
  ],
  async run(session, given) {
    const target = await resolvePool(session, given.arg(0));
    const allocation = given.text("allocation");
    const request = CreateVolumeRequest.fromPartial({
      ...{ ...target, name: given.arg(1), requestId: crypto.randomUUID() },
      capacityBytes: parseSize("the capacity", given.arg(2), "B"),
      allocationBytes: allocation === "" ? 0n : parseSize("--allocation", allocation, "B"),
      format: given.text("format"),
    });
    const begin = session.rpc.unary(storage.createVolume, request);
    await perform(session, target.uri, begin, `Vol ${clean(given.arg(1))} created`);
  },
};

export const volResize: Verb = {
  name: "vol-resize",
  group: "Storage",
  summary: "give a volume another capacity",
  args: [VOLUME, { name: "capacity", help: "in bytes, or with a unit: 20GiB" }],
  options: [IN_POOL, { flags: "--shrink", help: "what is behind the new end may be lost" }],
  async run(session, given) {
    const target = await volumeOf(session, given);
    const capacityBytes = parseSize("the capacity", given.arg(1), "B");
    const request = {
      ...target,
      capacityBytes,
      shrink: given.flag("shrink"),
      requestId: crypto.randomUUID(),
    };
    const begin = session.rpc.unary(storage.resizeVolume, ResizeVolumeRequest.fromPartial(request));
    const done = `Size of volume '${clean(target.volume)}' successfully changed to ${formatBytes(capacityBytes)}`;
    await perform(session, target.uri, begin, done);
  },
};

export const volDelete: Verb = {
  name: "vol-delete",
  group: "Storage",
  summary: "remove a volume and what is in it",
  args: [VOLUME],
  options: [IN_POOL],
  async run(session, given) {
    const target = await volumeOf(session, given);
    const request = DeleteVolumeRequest.fromPartial({ ...target, requestId: crypto.randomUUID() });
    await session.rpc.unary(storage.deleteVolume, request);
    if (session.globals.json) session.terminal.object({});
    else session.terminal.say(`Vol ${clean(target.volume)} deleted`);
  },
};
