import { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import * as wire from "@virtmesh/api/gen/virtmesh/v1/storage";
import type { Call } from "@virtmesh/core/call";
import { need } from "@virtmesh/core/driver/driver";
import type { VolumeInfo } from "@virtmesh/core/driver/storage";
import { VirtError } from "@virtmesh/core/errors";
import { clientStream, serverStream, unary } from "@virtmesh/kit/grpc-server";
import type { ServedService } from "../chassis.ts";
import { invalidField } from "../convert/field.ts";
import { toWirePool, toWireVolume } from "../convert/storage.ts";
import { pageOf } from "../listing/page.ts";
import { POOL_LISTING, VOLUME_LISTING } from "../listing/storage.ts";
import { packAny } from "../operations/any.ts";
import { changeMethod } from "./change-method.ts";
import { outliving, type ServiceContext } from "./context.ts";
import { downloadVolume, uploadVolume } from "./volume-streams.ts";
import { findPool, findVolume, requireVolumeName } from "./volumes.ts";

const methods = wire.StorageServiceService;

export function storageService(c: ServiceContext): ServedService {
  return {
    definition: wire.StorageServiceService,
    implementation: {
      listPools: unary(async (request: wire.ListPoolsRequest, call: Call) => {
        c.checkUri(request.uri);
        const all = await need(c.driver, "storage", "pools")(call);
        const page = pageOf(all, { ...request, orderBy: "" }, POOL_LISTING);
        const pools = page.items.map((pool) => toWirePool(pool, { uri: c.uris[0], host: c.host }));
        return { pools, nextPageToken: page.nextPageToken, unreachable: [] };
      }),
      getPool: unary(async (request: wire.GetPoolRequest, call: Call) => {
        c.checkUri(request.uri);
        return toWirePool(await findPool(c, request.pool, call), { uri: c.uris[0], host: c.host });
      }),
      listVolumes: unary(async (request: wire.ListVolumesRequest, call: Call) => {
        c.checkUri(request.uri);
        const { name } = await findPool(c, request.pool, call);
        const page = pageOf(await need(c.driver, "storage", "volumes")(name, call), request, VOLUME_LISTING);
        return {
          volumes: page.items.map((volume) => toWireVolume(volume, name)),
          nextPageToken: page.nextPageToken,
        };
      }),
      getVolume: unary(async (request: wire.GetVolumeRequest, call: Call) => {
        c.checkUri(request.uri);
        const { pool, volume } = await findVolume(c, request, call);
        return toWireVolume(volume, pool);
      }),
      createVolume: changeMethod(c, methods.createVolume, Operation, async (request, call) => {
        const create = need(c.driver, "storage", "create");
        const { capacityBytes, format, allocationBytes } = request;
        const name = requireVolumeName("name", request.name);
        if (capacityBytes === 0n) throw invalidField("capacity_bytes", "must not be 0");
        if (allocationBytes > capacityBytes)
          throw invalidField("allocation_bytes", `must not be more than the capacity of ${capacityBytes}`);
        const pool = (await findPool(c, request.pool, call)).name;
        return await volumeOperation(c, { verb: "createVolume", pool, volume: name }, call, (own) =>
          create(pool, { name, capacityBytes, format, allocationBytes }, own),
        );
      }),
      resizeVolume: changeMethod(c, methods.resizeVolume, Operation, async (request, call) => {
        const resize = need(c.driver, "storage", "resize");
        const { capacityBytes, shrink } = request;
        if (capacityBytes === 0n) throw invalidField("capacity_bytes", "must not be 0");
        const { pool, volume } = await findVolume(c, request, call);
        if (capacityBytes < volume.capacityBytes && !shrink) {
          throw new VirtError(
            "WRONG_STATE",
            `volume "${volume.name}" has ${volume.capacityBytes} bytes, and what is behind ${capacityBytes} would be lost; say that it may shrink`,
            { resource: { type: "volume", name: volume.name } },
          );
        }
        return await volumeOperation(c, { verb: "resizeVolume", pool, volume: volume.name }, call, (own) =>
          resize(pool, volume.name, capacityBytes, own),
        );
      }),
      deleteVolume: changeMethod(
        c,
        methods.deleteVolume,
        wire.DeleteVolumeResponse,
        async (request, call) => {
          const remove = need(c.driver, "storage", "delete");
          const { pool, volume } = await findVolume(c, request, call);
          await remove(pool, volume.name, call);
          return {};
        },
      ),
      uploadVolume: clientStream((requests: AsyncIterable<wire.UploadVolumeRequest>, call: Call) =>
        uploadVolume(c, requests, call),
      ),
      downloadVolume: serverStream((request: wire.DownloadVolumeRequest, call: Call) => {
        c.checkUri(request.uri);
        return downloadVolume(c, request, call);
      }),
    },
  };
}

/** Long work on a volume, which goes on after its caller has the operation. */
function volumeOperation(
  c: ServiceContext,
  about: { readonly verb: string; readonly pool: string; readonly volume: string },
  call: Call,
  work: (call: Call) => Promise<VolumeInfo>,
): Promise<Operation> {
  const { verb, pool, volume } = about;
  return c.operations.start({ verb, uuid: "", name: "", pool, volume, call }, async (op) => {
    const own = outliving(call, AbortSignal.any([op.signal, c.signal]));
    const made = await work(own);
    return packAny("virtmesh.v1.StorageVolume", wire.StorageVolume, toWireVolume(made, pool));
  });
}
