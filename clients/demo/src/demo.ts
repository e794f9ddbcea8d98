import { existsSync } from "node:fs";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { VirtError } from "@virtmesh/core/errors";
import { Scope } from "@virtmesh/kit/scope";
import { DEMO_NEEDS, ensurePackages } from "@virtmesh/lab/apt";
import { buildGuest } from "@virtmesh/lab/guest/build";
import { HeartbeatCollector } from "@virtmesh/lab/guest/heartbeat";
import type { MeshHost } from "@virtmesh/lab/launcher";
import { type RunningMesh, startMesh } from "@virtmesh/lab/mesh";
import { repositoryRoot } from "@virtmesh/lab/repository";
import { makeRunFolder, removeRunFolder } from "@virtmesh/lab/run-folder";
import {
  acceleratorOf,
  disksOn,
  GUEST,
  makeDisks,
  startGuest,
  STILL_BYTES,
  WRITTEN_BYTES,
} from "./demo-guest.ts";
import { migrate } from "./migrate.ts";
import { durationMs } from "./progress.ts";
import { type Reporter, seconds } from "./reporter.ts";
import type { Shown } from "./run-demo.ts";
import { faults, findings } from "./verdict.ts";
import { gatherEvidence } from "./verify.ts";

/** Where the command line looks for a gateway; taken when it is free. */
const GATEWAY_PORT = 7770;
/** Beats of the guest after the migration, before its silence is judged. */
const BEATS_AFTER = 200;

/**
 * Builds a mesh of two hosts on this computer, moves a running guest with its disks between them and checks that
 * it lost nothing. Throws what went wrong, after all of it is ended again; logs are then kept in .cache/demo-log.
 */
export async function showDemo(reporter: Reporter, signal: AbortSignal): Promise<Shown> {
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
  const needs = reporter.step("Looking for QEMU, NATS and what builds the test guest");
  await ensurePackages(DEMO_NEEDS, (text) => needs.detail(text), signal);
  needs.done("QEMU, NATS and what builds the test guest are here");

  const building = reporter.step("Building the test guest");
  const image = await buildGuest({ progress: (text) => building.detail(text), signal });
  building.done("Test guest built");

  const starting = reporter.step("Starting a mesh of two hosts");
  const dir = await makeRunFolder("virtmesh-demo");
  scope.defer(async () => await removeRunFolder(dir));
  const mesh = await startDemoMesh(dir, (text) => starting.detail(text), signal, scope);
  const [from, to] = twoOf(mesh);
  starting.done(
    `NATS, a gateway and the agents of ${from.name} and ${to.name} run, with mutual TLS between all`,
  );

  const booting = reporter.step("Starting a guest on host-a");
  await makeDisks(from);
  const socket = join(dir, "hb.sock");
  const collector = scope.own(await HeartbeatCollector.listen(socket));
  const type = await acceleratorOf(mesh);
  await startGuest(mesh, from, image, collector, socket, type, signal);
  const size = (bytes: number): string => `${bytes / 2 ** 20} MiB`;
  booting.done(
    `Guest "demo" runs on ${from.name} ${type === "kvm" ? "under KVM" : "by emulation, since KVM does not work here"}; it counts, and writes to vda (${size(WRITTEN_BYTES)}) all the time, vdb has ${size(STILL_BYTES)}`,
  );

  collector.restart();
  const moving = reporter.step(`Moving it live to ${to.name}, with its disks`);
  const report = await migrate(mesh, from, to, (progress) => reporter.progress(progress), signal);
  const beatsAfter = AbortSignal.any([signal, AbortSignal.timeout(30_000)]);
  const landed = collector.last?.sequence ?? 0;
  await collector.next((beat) => beat.sequence >= landed + BEATS_AFTER, beatsAfter);
  const heartbeat = collector.report();
  const totalMs = report.totalTime === undefined ? 0 : durationMs(report.totalTime);
  moving.done(`Moved to ${to.name} in ${seconds(totalMs)}`);

  const checking = reporter.step("Checking that it lost nothing");
  const evidence = await gatherEvidence(mesh, from, to, collector, heartbeat);
  const wrong = faults(evidence);
  if (wrong.length > 0)
    throw new VirtError("MIGRATION_FAILED", `the migration did harm: ${wrong.join("; ")}`);
  checking.done("Checked: it lost nothing");

  const downtimeMs = Math.round(heartbeat.largestGapMs);
  reporter.say(["", `  The guest stood still for ${downtimeMs} ms, seen from outside.`]);
  reporter.say(findings(evidence).map((line) => `    · ${line}`));
  const outcome = {
    outcome: "migrated",
    downtime_ms: downtimeMs,
    total_ms: totalMs,
    verified: true,
  } as const;
  return {
    outcome,
    succeeded: true,
    next: nextCommands(mesh),
    [Symbol.asyncDispose]: async () => await scope[Symbol.asyncDispose](),
  };
}

async function startDemoMesh(
  dir: string,
  progress: (text: string) => void,
  signal: AbortSignal,
  scope: Scope,
): Promise<RunningMesh> {
  try {
    return scope.own(await startMesh({ dir, progress, signal, preferredGatewayPort: GATEWAY_PORT }));
  } finally {
    // Whatever happens later, the logs outlive the folder.
    scope.defer(async () => await keepLogs(dir));
  }
}

async function keepLogs(dir: string): Promise<void> {
  if (!existsSync(join(dir, "log"))) return;
  const kept = join(repositoryRoot(), ".cache/demo-log");
  await cp(join(dir, "log"), kept, { recursive: true, force: true });
}

function twoOf(mesh: RunningMesh): [MeshHost, MeshHost] {
  const [from, to] = mesh.hosts;
  if (from === undefined || to === undefined)
    throw new VirtError("INTERNAL", "the demo's mesh has not two hosts");
  return [from, to];
}

/** Three things to try, as lines of text. */
function nextCommands(mesh: RunningMesh): string[] {
  const [from, to] = twoOf(mesh);
  const port = Number(mesh.gateway.address.split(":").at(-1));
  const gateway = port === GATEWAY_PORT ? "" : ` --gateway localhost:${port}`;
  const cli = `clients/cli/bin/virtmesh${gateway} --tls-dir ${mesh.clientTlsDir ?? ""}`;
  const back = disksOn(from);
  return [
    "",
    "  The mesh stays up until you press Ctrl-C. Three commands for another terminal:",
    "",
    `    ${cli} list`,
    `    ${cli} --connect ${to.uri} domstats ${GUEST}`,
    // The guest's first images still lie on the host it came from.
    `    ${cli} --connect ${to.uri} migrate ${GUEST} ${from.uri} --copy-storage-all --disk-path vda=${back.written}.new --disk-path vdb=${back.still}.new`,
    "",
  ];
}
