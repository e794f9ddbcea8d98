import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { MethodDefinition } from "@grpc/grpc-js";
import { AgentState, FleetServiceService } from "@virtmesh/api/gen/virtmesh/v1/agent";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import { type Channel, streamCall, unaryCall } from "@virtmesh/kit/grpc-client";
import { Scope } from "@virtmesh/kit/scope";
import { addSystemFolders } from "./apt.ts";
import { Authority } from "./authority.ts";
import { makeHosts } from "./hosts.ts";
import { type AgentKind, HUB, Launcher, type MeshHost, type Place } from "./launcher.ts";
import { type NatsServer, startNats } from "./nats.ts";
import { endHypervisorsOf, makeRunFolder, removeRunFolder } from "./run-folder.ts";
import { startSecuredNats } from "./secured-nats.ts";
import type { Service } from "./service.ts";

export interface MeshOptions {
  /** Default `host-a` and `host-b`. */
  readonly hosts?: readonly string[];
  /** Default `qemu`. */
  readonly agents?: AgentKind;
  /** Hosts that may be added to the mesh while it runs: NATS lets them in. */
  readonly laterHosts?: readonly string[];
  /** Hosts in network namespaces (needs root) instead of loopback addresses 127.0.0.2, 127.0.0.3, ... */
  readonly netns?: boolean;
  /** Hosts are emulated machines of their own, as those of Xen always are. */
  readonly emulated?: boolean;
  /** Raw images that all emulated hosts have as disks: `/dev/vda` and so on. */
  readonly sharedDisks?: readonly string[];
  /** Mutual TLS everywhere, and NATS with permissions; default true. */
  readonly tls?: boolean;
  /** Everything is kept here, with a short path; default a temporary folder that goes away with the mesh. */
  readonly dir?: string;
  /** Port of the gateway when it is free; otherwise, and by default, any. */
  readonly preferredGatewayPort?: number;
  /** More arguments for every agent. */
  readonly agentArguments?: readonly string[];
  /** More arguments for the gateway. */
  readonly gatewayArguments?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Hears what happens, one sentence at a time. */
  readonly progress?: (text: string) => void;
  /** Stops a start that is under way. */
  readonly signal?: AbortSignal;
}

/** NATS, a gateway and agents as real processes. Disposing ends all of it, and every guest. */
export interface RunningMesh extends AsyncDisposable {
  readonly dir: string;
  readonly nats: NatsServer;
  readonly gateway: Service;
  readonly hosts: readonly MeshHost[];
  /** TLS folder of somebody who calls; undefined without TLS. */
  readonly clientTlsDir: string | undefined;
  /** To the gateway. */
  readonly channel: Channel;
  /** One call to the gateway; fails with what the server threw. Limited to 60 seconds unless told. */
  unary<Q, R>(method: MethodDefinition<Q, R>, request: Q, signal?: AbortSignal): Promise<R>;
  /** A stream from the gateway, until the loop is left or the signal aborts. */
  stream<Q, R>(method: MethodDefinition<Q, R>, request: Q, signal: AbortSignal): AsyncGenerator<R, void>;
  /** Waits until the gateway knows every agent as alive. */
  complete(signal?: AbortSignal): Promise<void>;
  /** Starts one more agent on this computer, for a host of `laterHosts`, and waits until the gateway knows it. */
  add(kind: AgentKind, name: string, agentArguments: readonly string[]): Promise<MeshHost>;
}

const CALL_MS = 60_000;
const COMPLETE_MS = 60_000;

/** Starts a whole mesh on this computer and waits until every agent can be reached through the gateway. */
export async function startMesh(options: MeshOptions = {}): Promise<RunningMesh> {
  addSystemFolders();
  const scope = new Scope(options.signal);
  try {
    return await assemble(options, scope);
  } catch (e) {
    await scope[Symbol.asyncDispose]();
    throw e;
  }
}

async function assemble(options: MeshOptions, scope: Scope): Promise<RunningMesh> {
  const progress = options.progress ?? ((): void => undefined);
  const names = options.hosts ?? ["host-a", "host-b"];
  const dir = options.dir ?? (await makeRunFolder("virtmesh"));
  scope.defer(async () => {
    if (options.dir === undefined) await removeRunFolder(dir);
    else await endHypervisorsOf(dir);
  });
  const later = options.laterHosts ?? [];
  const { hub, places } = await findPlaces(options.netns === true, names, scope);
  const authority = options.tls === false ? undefined : await Authority.make(join(dir, "tls"));
  const clientTlsDir = await authority?.user("lab");

  progress("Starting NATS");
  const natsDir = join(dir, "nats");
  const nats = scope.own(
    authority === undefined
      ? await startNats({ dir: natsDir, listen: hub })
      : await startSecuredNats({
          dir: natsDir,
          authority,
          address: hub,
          agents: [...names, ...later],
          gateways: [HUB],
        }),
  );

  progress(`Starting the gateway and ${names.length} agents`);
  const launcher = new Launcher({
    dir,
    natsUrl: nats.url,
    authority,
    clientTlsDir,
    scope,
    env: options.env,
    sharedDisks: options.sharedDisks ?? [],
  });
  const starting = launcher.gateway(hub, options.preferredGatewayPort, options.gatewayArguments ?? []);
  const kind = options.agents ?? "qemu";
  const startingHosts = places.map(
    async (place) =>
      await launcher.host(
        kind,
        { ...place, emulated: options.emulated === true },
        options.agentArguments ?? [],
      ),
  );
  // All are awaited even if one fails, so that none is started after the scope has ended.
  for (const outcome of await Promise.allSettled([starting, ...startingHosts])) {
    if (outcome.status === "rejected") throw outcome.reason;
  }
  const [gateway, hosts] = [await starting, await Promise.all(startingHosts)];

  const channel = scope.own(await gateway.connect());
  const mesh: RunningMesh = {
    dir,
    nats,
    gateway,
    hosts,
    clientTlsDir,
    channel,
    unary: async (method, request, signal = AbortSignal.timeout(CALL_MS)) =>
      await unaryCall(channel, method, request, { signal }),
    stream: (method, request, signal) => streamCall(channel, method, request, { signal }),
    complete: async (signal) => await untilKnown(mesh, hosts, signal),
    add: async (agent, name, agentArguments) => {
      const place = { name, address: loopback(names.length + later.indexOf(name)) };
      const host = await launcher.host(agent, place, [...(options.agentArguments ?? []), ...agentArguments]);
      await untilKnown(mesh, [host], scope.signal);
      hosts.push(host);
      return host;
    },
    [Symbol.asyncDispose]: async () => await scope[Symbol.asyncDispose](),
  };
  await mesh.complete(scope.signal);
  return mesh;
}

async function findPlaces(
  netns: boolean,
  names: readonly string[],
  scope: Scope,
): Promise<{ readonly hub: string; readonly places: readonly Place[] }> {
  if (!netns) {
    return { hub: "127.0.0.1", places: names.map((name, i) => ({ name, address: loopback(i) })) };
  }
  const made = scope.own(await makeHosts({ names }));
  return {
    hub: made.address,
    places: made.hosts.map((host) => ({ name: host.name, address: host.address, namespace: host })),
  };
}

function loopback(host: number): string {
  return `127.0.0.${host + 2}`;
}

/** An agent is known when its lease has come through NATS to the gateway; a repeated question is the plainest test of all of it. */
async function untilKnown(
  mesh: RunningMesh,
  hosts: readonly MeshHost[],
  signal?: AbortSignal,
): Promise<void> {
  const limit = AbortSignal.any([AbortSignal.timeout(COMPLETE_MS), ...(signal ? [signal] : [])]);
  let known = "";
  while (!limit.aborted) {
    try {
      const { agents } = await mesh.unary(FleetServiceService.listAgents, { uri: "" }, limit);
      const alive = agents.filter((a) => a.state === AgentState.AGENT_STATE_ALIVE).map((a) => a.host);
      if (hosts.every((host) => alive.includes(host.name))) return;
      known = alive.length === 0 ? "no agent" : `only ${alive.join(", ")}`;
    } catch (e) {
      if (!VirtError.is(e)) throw e;
      known = messageOf(e);
    }
    await delay(50);
  }
  throw new VirtError(
    "HOST_SETUP",
    `the mesh did not come together in time: the gateway says ${known}; the logs are in ${join(mesh.dir, "log")}`,
  );
}
