import { join } from "node:path";
import { DomainServiceService as D } from "@virtmesh/api/gen/virtmesh/v1/domain";
import {
  MigrateDomainRequest,
  MigrationMode,
  MigrationServiceService as M,
  MigrationStorage,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import { OperationServiceService as O } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { Scope } from "@virtmesh/kit/scope";
import type { MeshHost } from "@virtmesh/lab/launcher";
import { type RunningMesh, startMesh } from "@virtmesh/lab/mesh";
import { makeRunFolder, removeRunFolder } from "@virtmesh/lab/run-folder";
import { FaultPointListener } from "../../faults/lab/listener.ts";

const soon = (): AbortSignal => AbortSignal.timeout(50_000);
const XML =
  "<domain type='qemu'><name>off</name><memory unit='MiB'>64</memory><os><type>hvm</type></os></domain>";

it("a guest that is off is defined on the destination though its agent is killed as it was to be", async () => {
  await using scope = new Scope();
  const dir = await makeRunFolder("vmoffline");
  scope.defer(() => removeRunFolder(dir));
  const points = scope.own(await FaultPointListener.listen(join(dir, "points.sock")));
  const mesh = scope.own(await startMesh({ env: { VIRTMESH_FAULT_POINTS: points.path } }));
  const [a, b] = mesh.hosts;
  if (a === undefined || b === undefined) throw new Error("the mesh has no two hosts");
  const about = { uri: a.uri, requestId: "" };
  await mesh.unary(D.defineDomain, { ...about, xml: XML, validateOnly: false, etag: "" });
  await points.holdAt(["destination.resume"], soon());
  const request = MigrateDomainRequest.fromPartial({
    ...{ uri: a.uri, domain: "off", destinationUri: b.uri },
    ...{ mode: MigrationMode.MIGRATION_MODE_OFFLINE, storage: MigrationStorage.MIGRATION_STORAGE_SHARED },
  });
  const { name } = await mesh.unary(M.migrateDomain, request);
  await points.held(["destination.resume"], soon());
  await b.agent.kill();
  points.release();
  await b.agent.restart();
  await mesh.complete();
  const ended = await mesh.unary(O.waitOperation, { uri: a.uri, name, timeout: { seconds: 50n, nanos: 0 } });
  expect(ended.result?.$case).toBe("response");
  expect(await names(mesh, a)).toEqual([]);
  expect(await names(mesh, b)).toEqual(["off"]);
}, 150_000);

async function names(mesh: RunningMesh, { uri }: MeshHost): Promise<readonly string[]> {
  const request = { uri, pageSize: 0, pageToken: "", filter: "", orderBy: "" };
  return (await mesh.unary(D.listDomains, request)).domains.map((domain) => domain.name);
}
