import { join, relative } from "node:path";
import { Scope } from "@virtmesh/kit/scope";
import { ensurePackages, NATS_NEEDS } from "@virtmesh/lab/apt";
import { type RunningMesh, startMesh } from "@virtmesh/lab/mesh";
import { run } from "@virtmesh/lab/process";
import { repositoryRoot } from "@virtmesh/lab/repository";
import { makeRunFolder, removeRunFolder } from "@virtmesh/lab/run-folder";
import { PATIENT_LEASE } from "@virtmesh/lab/machine/machine";
import type { Reporter } from "../reporter.ts";
import { failureReason, type Shown } from "../run-demo.ts";
import { EventStream } from "./event-stream.ts";
import { hostOf, SYSTEM_NAMES, SYSTEMS, type SystemName } from "./systems.ts";
import { leaveRunning, type ShownGuest, tour } from "./tour.ts";

const GATEWAY_PORT = 7770;

/**
 * Brings up a mesh with every hypervisor and takes a guest of each through its life, through one gateway, with the
 * events of all in one stream. A hypervisor that fails is told and keeps no other from being shown.
 */
export async function showAll(reporter: Reporter, signal: AbortSignal): Promise<Shown> {
  const scope = new Scope(signal);
  try {
    return await show(reporter, scope);
  } catch (e) {
    await scope[Symbol.asyncDispose]();
    throw e;
  }
}

async function show(reporter: Reporter, scope: Scope): Promise<Shown> {
  const { signal } = scope;
  const starting = reporter.step("Starting NATS and a gateway");
  await ensurePackages(NATS_NEEDS, (text) => starting.detail(text), signal);
  const dir = await makeRunFolder("vm-all");
  scope.defer(async () => await removeRunFolder(dir));
  const mesh = scope.own(
    await startMesh({
      ...{ dir, signal, preferredGatewayPort: GATEWAY_PORT },
      hosts: [],
      laterHosts: SYSTEM_NAMES.map(hostOf),
      ...{ agentArguments: PATIENT_LEASE, gatewayArguments: PATIENT_LEASE },
    }),
  );
  const events = scope.own(await EventStream.open(mesh, (event) => reporter.event(event)));
  starting.done("NATS and a gateway run; one stream carries the events of all");

  const results = new Map<SystemName, string>();
  const guests = new Map<SystemName, ShownGuest>();
  const attempt = async (name: SystemName, what: () => Promise<void>): Promise<void> => {
    try {
      await what();
    } catch (e) {
      signal.throwIfAborted();
      results.set(name, failureReason(e));
    }
  };

  const needing = reporter.step("Looking for what the hypervisors need");
  for (const name of SYSTEM_NAMES) {
    await attempt(name, async () => {
      await ensurePackages(SYSTEMS[name].needs, (text) => needing.detail(text), signal);
    });
  }
  needing.done("What the hypervisors need is here");

  const raising = reporter.step(`Starting ${SYSTEM_NAMES.join(", ")}`);
  await Promise.all(
    SYSTEM_NAMES.filter((name) => !results.has(name)).map(async (name) => {
      const progress = (text: string): void => raising.detail(`${name}: ${text}`);
      await attempt(name, async () => {
        guests.set(name, await SYSTEMS[name].raise({ mesh, scope, progress }));
      });
    }),
  );
  raising.done(`${[...guests.keys()].join(", ")} have joined the mesh`);

  for (const name of SYSTEM_NAMES) {
    const guest = guests.get(name);
    if (guest === undefined) continue;
    const touring = reporter.step(`Taking a guest of ${name} through its life`);
    await attempt(name, async () => {
      const steps = await tour(mesh, events, guest, signal);
      await leaveRunning(mesh, guest, signal);
      results.set(name, "ok");
      touring.done(`${name}: ${steps.join(", ")}; every step came as an event`);
    });
    const how = results.get(name);
    if (how !== "ok") touring.failed(`${name}: ${how ?? "it was not shown"}`);
  }

  reporter.say(["", ...(await listed(mesh)), ""]);
  return {
    outcome: { hypervisors: Object.fromEntries(SYSTEM_NAMES.map((name) => [name, results.get(name) ?? ""])) },
    succeeded: SYSTEM_NAMES.every((name) => results.get(name) === "ok"),
    next: nextCommands(mesh),
    [Symbol.asyncDispose]: async () => await scope[Symbol.asyncDispose](),
  };
}

/** What `virtmesh list --all` prints. */
async function listed(mesh: RunningMesh): Promise<readonly string[]> {
  const { stdout } = await run([...commandLine(mesh), "list", "--all"]);
  return stdout.trimEnd().split("\n");
}

function nextCommands(mesh: RunningMesh): readonly string[] {
  const [program = "", ...options] = commandLine(mesh);
  const cli = [relative(repositoryRoot(), program), ...options].join(" ");
  return [
    "  The mesh stays up until you press Ctrl-C. Commands for another terminal:",
    "",
    ...["list --all", "event --loop", "agents"].map((words) => `    ${cli} ${words}`),
    "",
  ];
}

/** The command line that talks to this mesh. */
function commandLine(mesh: RunningMesh): readonly string[] {
  const program = join(repositoryRoot(), "clients/cli/bin/virtmesh");
  const trust = mesh.clientTlsDir === undefined ? [] : ["--tls-dir", mesh.clientTlsDir];
  return [program, "--gateway", mesh.gateway.address, ...trust];
}
