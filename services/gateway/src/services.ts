import type {
  handleUnaryCall,
  MethodDefinition,
  ServiceDefinition,
  UntypedHandleCall,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { AgentServiceService, FleetServiceService } from "@virtmesh/api/gen/virtmesh/v1/agent";
import { BlockJobServiceService } from "@virtmesh/api/gen/virtmesh/v1/block_job";
import { DiskMoveServiceService } from "@virtmesh/api/gen/virtmesh/v1/disk_move";
import { DomainServiceService } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { EventServiceService } from "@virtmesh/api/gen/virtmesh/v1/event";
import { HostServiceService } from "@virtmesh/api/gen/virtmesh/v1/host";
import { MigrationServiceService } from "@virtmesh/api/gen/virtmesh/v1/migration";
import { OperationServiceService } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { ConversionServiceService } from "@virtmesh/api/gen/virtmesh/v1/conversion";
import { DeviceServiceService } from "@virtmesh/api/gen/virtmesh/v1/device";
import { GuestInfoServiceService } from "@virtmesh/api/gen/virtmesh/v1/guest_info";
import { ResourceServiceService } from "@virtmesh/api/gen/virtmesh/v1/resource";
import { SavedStateServiceService } from "@virtmesh/api/gen/virtmesh/v1/saved_state";
import { SnapshotServiceService } from "@virtmesh/api/gen/virtmesh/v1/snapshot";
import { StorageServiceService } from "@virtmesh/api/gen/virtmesh/v1/storage";
import type { Call } from "@virtmesh/core/call";
import { isUriPattern } from "@virtmesh/core/uri";
import { serverStream, type ServiceEntry, unary } from "@virtmesh/kit/grpc-server";
import { listDomains, listDomainStats, listMigrations, listOperations, listPools } from "./fanout/lists.ts";
import { listAgents } from "./fleet.ts";
import { forward, type Forwarding, type RawMethod } from "./proxy/forward.ts";
import { readUri } from "./routing/first-field.ts";
import { watch, type WatchSources } from "./watch.ts";

/** Everything an agent serves; MigrationPeerService is between agents only and stays out. */
const FORWARDED: readonly ServiceDefinition[] = [
  AgentServiceService,
  HostServiceService,
  DomainServiceService,
  DeviceServiceService,
  ResourceServiceService,
  SnapshotServiceService,
  SavedStateServiceService,
  GuestInfoServiceService,
  ConversionServiceService,
  StorageServiceService,
  BlockJobServiceService,
  DiskMoveServiceService,
  MigrationServiceService,
  OperationServiceService,
];

/** The services of the gateway: forwarded undecoded, but for lists over hosts, events and the fleet itself. */
export function gatewayServices(forwarding: Forwarding, sources: WatchSources): ServiceEntry[] {
  const { fanOut, directory } = sources;
  const lists: UntypedServiceImplementation = {
    [DomainServiceService.listDomains.path]: many(DomainServiceService.listDomains, (q, c) =>
      listDomains(fanOut, q, c),
    ),
    [DomainServiceService.listDomainStats.path]: many(DomainServiceService.listDomainStats, (q, c) =>
      listDomainStats(fanOut, q, c),
    ),
    [OperationServiceService.listOperations.path]: many(OperationServiceService.listOperations, (q, c) =>
      listOperations(fanOut, q, c),
    ),
    [MigrationServiceService.listMigrations.path]: many(MigrationServiceService.listMigrations, (q, c) =>
      listMigrations(fanOut, q, c),
    ),
    [StorageServiceService.listPools.path]: many(StorageServiceService.listPools, (q, c) =>
      listPools(fanOut, q, c),
    ),
  };
  return [
    ...FORWARDED.map((definition) => forwarded(definition, forwarding, lists)),
    {
      definition: EventServiceService,
      implementation: { watch: serverStream((request, c) => watch(request, sources, c)) },
    },
    {
      definition: FleetServiceService,
      implementation: { listAgents: unary((request) => listAgents(request, directory)) },
    },
  ];
}

function forwarded(
  definition: ServiceDefinition,
  forwarding: Forwarding,
  lists: UntypedServiceImplementation,
): ServiceEntry {
  const raw: Record<string, RawMethod> = {};
  const implementation: Record<string, UntypedHandleCall> = {};
  for (const [name, method] of Object.entries(definition)) {
    const rawMethod = undecoded(method);
    raw[name] = rawMethod;
    const one = forward(rawMethod, forwarding);
    const list = lists[method.path];
    implementation[name] = list === undefined ? one : oneOrMany(one, list);
  }
  return { definition: raw, implementation };
}

/** The method with its messages left as bytes. */
function undecoded(method: MethodDefinition<unknown, unknown>): RawMethod {
  const same = (bytes: Buffer): Buffer => bytes;
  return {
    ...method,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
}

function many<Q, R>(
  method: MethodDefinition<Q, R>,
  handler: (request: Q, c: Call) => Promise<R>,
): handleUnaryCall<Buffer, Buffer> {
  return unary<Buffer, Buffer>(async (bytes, c) =>
    method.responseSerialize(await handler(method.requestDeserialize(bytes), c)),
  );
}

/** A list of one host is that host's own, with its own tokens; only a pattern is the gateway's. */
function oneOrMany(one: UntypedHandleCall, list: UntypedHandleCall): handleUnaryCall<Buffer, Buffer> {
  const [forwardOne, listMany] = [one, list] as [
    handleUnaryCall<Buffer, Buffer>,
    handleUnaryCall<Buffer, Buffer>,
  ];
  return (call, callback) => (namesMany(call.request) ? listMany : forwardOne)(call, callback);
}

function namesMany(request: Buffer): boolean {
  try {
    return isUriPattern(readUri(request));
  } catch {
    return false; // no message at all: forwarding says so
  }
}
