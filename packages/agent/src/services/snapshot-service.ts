import { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import * as wire from "@virtmesh/api/gen/virtmesh/v1/snapshot";
import type { Call } from "@virtmesh/core/call";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import { need } from "@virtmesh/core/driver/driver";
import type { SnapshotInfo } from "@virtmesh/core/driver/snapshots";
import { VirtError } from "@virtmesh/core/errors";
import { unary } from "@virtmesh/kit/grpc-server";
import type { ServedService } from "../chassis.ts";
import { revertStateOf, snapshotScopeOf, toWireSnapshot } from "../convert/snapshot.ts";
import { packAny } from "../operations/any.ts";
import { changeMethod } from "./change-method.ts";
import type { ServiceContext } from "./context.ts";
import { findDomain } from "./context.ts";
import { longDomainChange, packDomain } from "./long-change.ts";

const methods = wire.SnapshotServiceService;

export function snapshotService(c: ServiceContext): ServedService {
  return {
    definition: wire.SnapshotServiceService,
    implementation: {
      listSnapshots: unary(async (request: wire.ListSnapshotsRequest, call: Call) => {
        c.checkUri(request.uri);
        return await listed(c, findDomain(c, request.domain), call);
      }),
      getSnapshot: unary(async (request: wire.GetSnapshotRequest, call: Call) => {
        c.checkUri(request.uri);
        return toWireSnapshot(await find(c, findDomain(c, request.domain), request.snapshot, call));
      }),
      getSnapshotXml: unary(async (request: wire.GetSnapshotXmlRequest, call: Call) => {
        c.checkUri(request.uri);
        const format = need(c.driver, "snapshots", "xml");
        const info = findDomain(c, request.domain);
        const { name } = await find(c, info, request.snapshot, call);
        return { xml: await format(info.uuid, name, { secure: request.secure }, call) };
      }),
      createSnapshot: changeMethod(c, methods.createSnapshot, Operation, (request, call) => {
        const create = need(c.driver, "snapshots", "create");
        const { xml, name, description, diskOnly, quiesce, halt } = request;
        const wanted = { xml, name, description, diskOnly, quiesce, halt };
        return longDomainChange(
          c,
          request.domain,
          { verb: "createSnapshot" },
          call,
          async ({ uuid }, own) => {
            const made = await create(uuid, wanted, own);
            return packAny("virtmesh.v1.Snapshot", wire.Snapshot, toWireSnapshot(made));
          },
        );
      }),
      revertSnapshot: changeMethod(c, methods.revertSnapshot, Operation, (request, call) => {
        const revert = need(c.driver, "snapshots", "revert");
        const state = revertStateOf(request.state);
        return longDomainChange(
          c,
          request.domain,
          { verb: "revertSnapshot", runs: true },
          call,
          async (info, own) => {
            const { name } = await find(c, info, request.snapshot, own);
            return packDomain(c, await revert(info.uuid, name, state, own));
          },
        );
      }),
      deleteSnapshot: changeMethod(c, methods.deleteSnapshot, Operation, (request, call) => {
        const remove = need(c.driver, "snapshots", "delete");
        const scope = snapshotScopeOf(request.scope);
        return longDomainChange(c, request.domain, { verb: "deleteSnapshot" }, call, async (info, own) => {
          const { name } = await find(c, info, request.snapshot, own);
          await remove(info.uuid, name, scope, own);
          const left = await listed(c, info, own);
          return packAny("virtmesh.v1.ListSnapshotsResponse", wire.ListSnapshotsResponse, left);
        });
      }),
    },
  };
}

async function listed(c: ServiceContext, info: DomainInfo, call: Call): Promise<wire.ListSnapshotsResponse> {
  const all = await need(c.driver, "snapshots", "list")(info.uuid, call);
  return { snapshots: all.map(toWireSnapshot) };
}

/** By name, or the current one without. Throws SNAPSHOT_NOT_FOUND. */
async function find(c: ServiceContext, info: DomainInfo, name: string, call: Call): Promise<SnapshotInfo> {
  const all = await need(c.driver, "snapshots", "list")(info.uuid, call);
  const found = all.find((each) => (name === "" ? each.current : each.name === name));
  if (found) return found;
  const what = name === "" ? "current snapshot" : `snapshot "${name}"`;
  throw new VirtError("SNAPSHOT_NOT_FOUND", `guest "${info.name}" has no ${what}`, {
    resource: { type: "snapshot", name },
    metadata: { domain: info.name },
  });
}
