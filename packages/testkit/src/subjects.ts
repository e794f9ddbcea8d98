import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunningAgent, startAgent } from "@virtmesh/agent/agent";
import type { DriverContext } from "@virtmesh/agent/driver-context";
import { diskMoveModule } from "@virtmesh/agent/disk-moves/module";
import { migrationModule } from "@virtmesh/agent/migration/module";
import { agentService } from "@virtmesh/agent/services/agent-service";
import { blockJobService } from "@virtmesh/agent/services/block-job-service";
import { snapshotService } from "@virtmesh/agent/services/snapshot-service";
import { storageService } from "@virtmesh/agent/services/storage-service";
import { savedStateService } from "@virtmesh/agent/services/saved-state-service";
import { resourceService } from "@virtmesh/agent/services/resource-service";
import { guestInfoService } from "@virtmesh/agent/services/guest-info-service";
import { deviceService } from "@virtmesh/agent/services/device-service";
import { conversionService } from "@virtmesh/agent/services/conversion-service";
import { domainService } from "@virtmesh/agent/services/domain-service";
import { eventService } from "@virtmesh/agent/services/event-service";
import type { ServiceContext } from "@virtmesh/agent/services/context";
import { hostService } from "@virtmesh/agent/services/host-service";
import { guardModule } from "@virtmesh/agent/services/module-guard";
import { operationService } from "@virtmesh/agent/services/operation-service";
import { type Driver, supportOf } from "@virtmesh/core/driver/driver";
import { type Channel, connect } from "@virtmesh/kit/grpc-client";
import { Scope } from "@virtmesh/kit/scope";
import { startNats } from "@virtmesh/lab/nats";
import { grpcClient, type MeshClient, PATIENCE_MS } from "./client.ts";
import type { DeviceChange, DiskNames, GuestFile, Subject, SubjectKind } from "./contract/subject.ts";
import { directClient } from "./direct-client.ts";

/** The guests of a driver as the suites need them. */
export interface GuestsKind {
  /** Of the driver, for titles. */
  readonly name: string;
  guestXml(name: string, uuid: string | undefined, dir: string): Promise<string>;
  readonly guestsReact: boolean;
  /** Where its guests have their disks, if not at `vda` and `vdb` of virtio. */
  readonly disks?: DiskNames;
  /** A disk of that name for such a guest. */
  diskXml(target: string, dir: string): Promise<string>;
  snapshotXml?(xml: string): string;
  /** Resolves when the system of a guest has come up that many times, where it has to help in something. */
  systemUp?(domain: string, times: number): Promise<void>;
  /** A device that changes, if not a disk that gets a serial number. */
  readonly deviceChange?: DeviceChange;
  /** Where it keeps what defines a guest, for those that can register one. */
  readonly guestFile?: (name: string) => GuestFile;
  /** How names of its disk images end, if not in `.img`. */
  readonly volumeSuffix?: string;
  /** Where a disk of its guests can lie that is not there yet, if its host is another machine. */
  newPath?(name: string): string;
}

/** A driver that can be made where the suites run. */
export interface DriverKind extends GuestsKind {
  createDriver(context: DriverContext): Promise<Driver> | Driver;
}

/** An agent that was made ready elsewhere, with its driver in it. */
export interface RemoteAgent {
  /** Connection URI with its host, and the name of that. */
  readonly uri: string;
  readonly host: string;
  /** What its driver can do, as `supportOf` says it of that driver here. */
  readonly support: ReadonlySet<string>;
  /** An empty folder of the host. */
  readonly dir: string;
  /** How long a call may take there. */
  readonly patienceMs: number;
  /** A channel to whom the suites are to call; it is closed with the subject. */
  readonly connect: () => Promise<Channel>;
}

/** A gateway on a NATS server, ready when it knows `host`. Given by the test, since a package must not know services. */
export type OpenGateway = (
  nats: string,
  host: string,
) => Promise<AsyncDisposable & { readonly address: string }>;

const HOST = "host-a";
type GuestsOfSubject = Pick<
  Subject,
  | "disks"
  | "guestXml"
  | "diskXml"
  | "deviceChange"
  | "guestFile"
  | "volumeSuffix"
  | "newPath"
  | "snapshotXml"
  | "guestsReact"
  | "systemUp"
>;

const VIRTIO_DISKS: DiskNames = { bus: "virtio", first: "vda", second: "vdb" };

/** The driver behind its chassis, without a wire between. */
export function inProcess(kind: DriverKind): SubjectKind {
  return {
    name: `${kind.name}, in process`,
    open: () =>
      openSubject(kind, async ({ agent }) => {
        const { context } = agent;
        const migrations = await migrationModule(context);
        const moves = await diskMoveModule(context);
        const served = [
          (c: ServiceContext) => guardModule(c, hostService(c, migrations.drainHost)),
          domainService,
          deviceService,
          resourceService,
          snapshotService,
          savedStateService,
          guestInfoService,
          conversionService,
          storageService,
          blockJobService,
          eventService,
          operationService,
          agentService,
        ];
        return directClient([
          ...served.map((make) => make(context)),
          ...migrations.services,
          ...moves.services,
        ]);
      }),
  };
}

/** The driver behind its own gRPC server. */
export function overGrpc(kind: DriverKind): SubjectKind {
  return {
    name: `${kind.name}, over gRPC`,
    open: () => openSubject(kind, async ({ agent }) => grpcClient(connect(agent.address))),
  };
}

/** The driver behind a gateway, with a real NATS between. */
export function throughGateway(kind: DriverKind, openGateway: OpenGateway): SubjectKind {
  return {
    name: `${kind.name}, through the gateway`,
    open: () =>
      openSubject(kind, async ({ scope, nats }) =>
        grpcClient(connect(scope.own(await openGateway(nats, HOST)).address)),
      ),
  };
}

/** The driver in an agent elsewhere, reached the way that `agent` connects. */
export function remotely(kind: GuestsKind, way: string, agent: () => RemoteAgent): SubjectKind {
  return {
    name: `${kind.name}, ${way}`,
    open: async () => {
      const { dir, connect: open, ...about } = agent();
      const client = grpcClient(await open(), about.patienceMs);
      return {
        ...{ ...about, client },
        ...guestsIn(kind, dir),
        [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
      };
    },
  };
}

/** What the suites ask of guests whose host has that folder for them. */
function guestsIn(kind: GuestsKind, dir: string): GuestsOfSubject {
  return {
    disks: kind.disks ?? VIRTIO_DISKS,
    guestXml: (name, uuid) => kind.guestXml(name, uuid, dir),
    diskXml: (target) => kind.diskXml(target, dir),
    ...(kind.guestFile === undefined ? {} : { guestFile: kind.guestFile }),
    deviceChange: async () => kind.deviceChange ?? (await serialOf(kind, dir)),
    volumeSuffix: kind.volumeSuffix ?? ".img",
    newPath: (name) => kind.newPath?.(name) ?? join(dir, `${name}.save`),
    ...(kind.snapshotXml === undefined ? {} : { snapshotXml: (xml) => kind.snapshotXml?.(xml) ?? xml }),
    guestsReact: kind.guestsReact,
    ...(kind.systemUp === undefined
      ? {}
      : { systemUp: async (domain, times) => await kind.systemUp?.(domain, times) }),
  };
}

async function serialOf(kind: GuestsKind, dir: string): Promise<DeviceChange> {
  const before = await kind.diskXml((kind.disks ?? VIRTIO_DISKS).second, dir);
  const shows = "<serial>changed</serial>";
  return { before, after: before.replace("</disk>", `${shows}</disk>`), shows };
}

interface Opened {
  readonly scope: Scope;
  readonly agent: RunningAgent;
  readonly nats: string;
}

async function openSubject(
  kind: DriverKind,
  openClient: (opened: Opened) => Promise<MeshClient>,
): Promise<Subject> {
  const scope = new Scope();
  try {
    // Short: UNIX sockets are made in it, whose paths may have 107 bytes.
    const dir = await mkdtemp(join(tmpdir(), "vm-"));
    scope.defer(() => rm(dir, { recursive: true, force: true }));
    const nats = scope.own(await startNats());
    const agent = scope.own(
      await startAgent({
        host: HOST,
        listen: "127.0.0.1:0",
        stateDir: join(dir, "state"),
        runDir: join(dir, "run"),
        nats: { servers: [nats.url] },
        createDriver: (context) => kind.createDriver(context),
        modules: [migrationModule, diskMoveModule],
      }),
    );
    const client = scope.own(await openClient({ scope, agent, nats: nats.url }));
    return {
      client,
      uri: agent.uris[0],
      host: HOST,
      support: new Set(supportOf(agent.driver)),
      patienceMs: PATIENCE_MS,
      ...guestsIn(kind, dir),
      [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose](),
    };
  } catch (e) {
    await scope[Symbol.asyncDispose]();
    throw e;
  }
}
