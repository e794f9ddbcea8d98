import { randomUUID } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { DomainServiceService, DomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { MigrateDomainRequest, MigrationServiceService } from "@virtmesh/api/gen/virtmesh/v1/migration";
import { OperationServiceService } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { VirtError } from "@virtmesh/core/errors";
import { errnoOf } from "@virtmesh/lab/errno";
import { run } from "@virtmesh/lab/process";
import type { Chance } from "../lab/chance.ts";
import { untilStopped } from "../lab/stopped.ts";
import { type Stage, type StageHost, UNTOUCHED_FROM } from "../lab/stage.ts";

/** What is struck. */
export interface Scene {
  readonly stage: Stage;
  readonly source: StageHost;
  readonly destination: StageHost;
  /** Id of what is under way. */
  readonly operation: string;
  /** Images that are written anew. */
  readonly targets: readonly string[];
  /** Ports at the destination, once it has told of them. */
  readonly ports: { readonly disks: number; readonly memory: number } | undefined;
  /** How long a pause lasts: past every lease and every silence. */
  readonly pauseMs: number;
}

/** What may become of the guest. Lost: nowhere, and the user was told so as GUEST_LOST. */
export type Allowed = "moved" | "stayed" | "nowhere" | "lost";

export interface Victim {
  readonly name: string;
  readonly says: string;
  /** First and last moment at which there is such a thing to strike; all of them unless told. */
  readonly from?: string;
  readonly to?: string;
  /** Moments between them at which there is none. */
  readonly except?: readonly string[];
  /** Resolves when it has happened. */
  strike(on: Scene): Promise<void>;
  /** Brings back what keeps the survivors from going on. */
  mend?(on: Scene): Promise<void>;
  /** Puts right, when the migration is over, what the survivors must go on with. */
  tidy?(on: Scene): Promise<void>;
  /** The guest's own process is among the dead: it may run nowhere. */
  readonly deadly?: "source" | "destination";
  /** It disturbs nothing: the guest goes where it would have gone. */
  readonly harmless?: true;
}

/** Mends what was struck, at once or when the survivors have lived with it for a while. */
export async function mendIn(chance: Chance, victim: Victim, on: Scene): Promise<void> {
  if (victim.mend === undefined) return;
  await delay(chance.pick("mend", [0, 50, 400, 2_000]));
  await victim.mend(on);
}

const AGENT_PORT = 7771;
const HOUR_MS = 3_600_000;

export const VICTIMS: readonly Victim[] = [
  {
    name: "source-agent",
    says: "the source's agent is killed",
    strike: async ({ source }) => void (await source.agent.kill("SIGKILL")),
    mend: ({ source }) => source.agent.restart(),
  },
  {
    name: "destination-agent",
    says: "the destination's agent is killed",
    strike: async ({ destination }) => void (await destination.agent.kill("SIGKILL")),
    mend: ({ destination }) => destination.agent.restart(),
  },
  {
    name: "both-agents",
    says: "both agents are killed",
    strike: async ({ source, destination }) =>
      void (await Promise.all([source.agent.kill("SIGKILL"), destination.agent.kill("SIGKILL")])),
    mend: async ({ source, destination }) =>
      void (await Promise.all([source.agent.restart(), destination.agent.restart()])),
  },
  {
    name: "gateway",
    says: "the gateway is killed",
    harmless: true,
    strike: async ({ stage }) => void (await stage.mesh.gateway.kill("SIGKILL")),
    mend: ({ stage }) => stage.mesh.gateway.restart(),
  },
  {
    name: "nats-killed",
    says: "NATS is killed and started again",
    strike: ({ stage }) => stage.mesh.nats.kill("SIGKILL"),
    mend: ({ stage }) => stage.mesh.nats.restart(),
  },
  {
    name: "nats-paused",
    says: "NATS answers nothing for a while",
    strike: async ({ stage: { mesh } }) => {
      mesh.nats.pause();
      await untilStopped(mesh.nats.pid);
    },
    mend: async ({ stage, pauseMs }) => {
      await delay(pauseMs);
      stage.mesh.nats.resume();
    },
  },
  {
    name: "source-qemu",
    says: "the source's QEMU is killed",
    deadly: "source",
    to: "promised",
    except: ["retired"],
    strike: ({ stage, source }) => killHypervisors(stage, source),
  },
  {
    name: "destination-qemu",
    says: "the destination's QEMU is killed",
    deadly: "destination",
    from: "prepared",
    except: ["promising", "promised"],
    strike: ({ stage, destination }) => killHypervisors(stage, destination),
  },
  {
    name: "nbd-link",
    says: "the connections of the disks are reset",
    from: "copying",
    to: "switching",
    strike: (on) => reset(on, on.ports?.disks),
  },
  {
    name: "memory-link",
    says: "the connection of the memory is reset",
    from: "sending",
    to: "concluded",
    strike: (on) => reset(on, on.ports?.memory),
  },
  {
    name: "agent-link-reset",
    says: "the connection of the agents is reset",
    except: ["offering"],
    strike: (on) => reset(on, AGENT_PORT),
  },
  {
    name: "agent-link-swallowed",
    says: "what the agents say to each other is swallowed for a while",
    strike: async (on) => await swallow(on, "add"),
    mend: async (on) => {
      await delay(on.pauseMs);
      await swallow(on, "del");
    },
  },
  {
    name: "host-link-swallowed",
    says: "everything between the two hosts is swallowed for a while",
    strike: async ({ source, destination }) => await source.namespace.blackhole(destination.namespace),
    mend: async ({ source, pauseMs }) => {
      await delay(pauseMs);
      await source.namespace.heal();
    },
  },
  {
    name: "destination-full",
    says: "no space is left on the destination's disk",
    from: "mirroring",
    to: "switching",
    strike: (on) => failImages(on, "ENOSPC"),
    mend: ({ stage }) => stage.shim.healDisks(),
    // It met a full disk when it had moved: space is made, and its user lets it go on.
    tidy: resumeHalted,
  },
  {
    name: "destination-unwritable",
    says: "the destination's disk refuses every write",
    from: "mirroring",
    to: "switching",
    strike: (on) => failImages(on, "EIO"),
    mend: ({ stage }) => stage.shim.healDisks(),
  },
  {
    name: "destination-folder",
    says: "the destination's folder for images becomes read-only",
    from: "offering",
    to: "preparing",
    strike: async ({ destination: { imageDir } }) => {
      await run(["mount", "--bind", imageDir, imageDir]);
      await run(["mount", "-o", "remount,bind,ro", imageDir]);
    },
    mend: async ({ destination: { imageDir } }) => void (await run(["umount", imageDir])),
  },
  {
    name: "source-read-error",
    says: "a part of the source's disk cannot be read",
    from: "offering",
    to: "copying",
    strike: ({ stage, source }) =>
      stage.shim.failDisks([
        { on: "read", with: "EIO", path: stage.image(source, "vdb"), from: UNTOUCHED_FROM },
      ]),
    mend: ({ stage }) => stage.shim.healDisks(),
  },
  {
    name: "clock-jump",
    says: "the source's clock jumps an hour ahead and the destination's an hour back",
    harmless: true,
    strike: (on) => jump(on, HOUR_MS),
    tidy: ({ stage }) => stage.shim.setClocks([]),
  },
  {
    name: "clock-back",
    says: "the source's clock is put back by an hour and the destination's jumps ahead",
    from: "copying",
    to: "concluded",
    strike: (on) => jump(on, -HOUR_MS),
    tidy: ({ stage }) => stage.shim.setClocks([]),
  },
  {
    name: "source-agent-stopped",
    says: "the source's agent stands still past its lease, and wakes up",
    strike: ({ source }) => stop(source),
    mend: async ({ source, pauseMs }) => {
      await delay(pauseMs);
      source.agent.resume();
    },
  },
  {
    name: "destination-agent-stopped",
    says: "the destination's agent stands still past its lease, and wakes up",
    strike: ({ destination }) => stop(destination),
    mend: async ({ destination, pauseMs }) => {
      await delay(pauseMs);
      destination.agent.resume();
    },
  },
  {
    name: "cancel",
    says: "the user cancels it",
    strike: ({ stage, source, operation }) =>
      allowing(["OPERATION_NOT_FOUND"], async () => {
        const request = { uri: source.uri, name: `operations/${operation}` };
        await stage.call(source, OperationServiceService.cancelOperation, request);
      }),
  },
  {
    name: "second-migration",
    says: "a second migration of the guest is asked for",
    harmless: true,
    strike: ({ stage, source, destination }) =>
      allowing(["DOMAIN_BUSY", "DOMAIN_NOT_FOUND", "MIGRATION_BLOCKED"], async () => {
        const request = MigrateDomainRequest.fromPartial({
          uri: source.uri,
          requestId: randomUUID(),
          domain: stage.uuid,
          destinationUri: destination.uri,
        });
        await stage.call(source, MigrationServiceService.migrateDomain, request);
        throw new VirtError("INTERNAL", "a second migration of the same guest was begun");
      }),
  },
  {
    name: "destination-power",
    says: "the destination loses its power",
    deadly: "destination",
    strike: ({ stage, destination }) => powerOff(stage, destination),
    mend: ({ destination }) => destination.agent.restart(),
  },
  {
    name: "source-power",
    says: "the source loses its power",
    deadly: "source",
    strike: ({ stage, source }) => powerOff(stage, source),
    mend: ({ source }) => source.agent.restart(),
  },
];

/** Refusals with these reasons are what was to be expected. */
async function allowing(reasons: readonly string[], work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (e) {
    if (!VirtError.is(e) || !reasons.includes(e.reason)) throw e;
  }
}

async function stop({ agent }: StageHost): Promise<void> {
  agent.pause();
  await untilStopped(agent.pid);
}

/** The source's clock, and the destination's the other way. */
async function jump({ stage, source, destination }: Scene, ms: number): Promise<void> {
  await stage.shim.setClocks([
    { host: source.namespace, ms },
    { host: destination.namespace, ms: -ms },
  ]);
}

async function killHypervisors(stage: Stage, host: StageHost): Promise<void> {
  for (const pid of await stage.hypervisors(host)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (e) {
      if (errnoOf(e) !== "ESRCH") throw e;
    }
  }
}

/** QEMU halts a guest whose write found no space, and tries that write again when it goes on. */
async function resumeHalted({ stage, destination }: Scene): Promise<void> {
  const guest = await stage.guestOn(destination);
  if (guest?.state !== DomainState.DOMAIN_STATE_PAUSED || guest.stateReason !== "io-error") return;
  const request = { uri: destination.uri, requestId: randomUUID(), domain: stage.uuid };
  await stage.call(destination, DomainServiceService.resumeDomain, request);
}

/** All processes at once, and what a host keeps in memory only. */
async function powerOff(stage: Stage, host: StageHost): Promise<void> {
  await stop(host);
  await killHypervisors(stage, host);
  await host.agent.kill("SIGKILL");
  await rm(host.runDir, { recursive: true });
  await mkdir(host.runDir);
}

/** RST to both ends of every connection from the source to a port of the destination. */
export async function reset({ source, destination }: Scene, port: number | undefined): Promise<void> {
  if (port === undefined) throw new VirtError("INTERNAL", "the destination has not told of its ports yet");
  await source.namespace.exec([
    ...["ss", "-H", "-K", "-t", "-n", "dst", destination.address, "dport", "eq", `:${port}`],
  ]);
}

/** Calls of the source to the destination's agent, and its answers. */
async function swallow({ source, destination }: Scene, change: "add" | "del"): Promise<void> {
  const rule = (port: string): string[] => ["ip", "rule", change, "ipproto", "tcp", port, String(AGENT_PORT)];
  await source.namespace.exec([...rule("dport"), "to", destination.address, "blackhole"]);
  await destination.namespace.exec([...rule("sport"), "to", source.address, "blackhole"]);
}

async function failImages({ stage, targets }: Scene, code: "EIO" | "ENOSPC"): Promise<void> {
  await stage.shim.failDisks(targets.map((path) => ({ on: "write", with: code, path })));
}
