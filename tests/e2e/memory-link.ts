import { setTimeout as delay } from "node:timers/promises";
import type { MeshHost } from "@virtmesh/lab/launcher";

/** Where an agent lets migrations come in unless told otherwise. */
const MEMORY_PORTS = "49152-49215";

/** Breaks every TCP connection that a QEMU of the host has, as a network that resets them would. */
export async function breakMemoryLink(host: MeshHost): Promise<number> {
  const { namespace } = host;
  if (namespace === undefined) throw new Error("the hosts are not in namespaces");
  const { stdout } = await namespace.exec(["ss", "-Htnp", "state", "established"]);
  const ports = stdout
    .split("\n")
    .filter((line) => line.includes("qemu-system"))
    .flatMap((line) => /:(\d+)\s+\S+:\d+\s/.exec(line)?.[1] ?? []);
  for (const port of ports) await namespace.exec(["ss", "-K", "sport", "=", `:${port}`]);
  if (ports.length === 0) throw new Error(`no QEMU of ${host.name} has a connection`);
  return ports.length;
}

/** What a host's QEMUs answer to whoever connects to them is lost on its way to another host. */
export async function swallowAnswers(host: MeshHost, to: MeshHost): Promise<{ heal(): Promise<void> }> {
  const change = async (verb: "add" | "del"): Promise<void> => {
    const rule = ["ipproto", "tcp", "sport", MEMORY_PORTS, "to", to.namespace?.address ?? "", "blackhole"];
    await host.namespace?.exec(["ip", "rule", verb, ...rule]);
  };
  await change("add");
  return { heal: () => change("del") };
}

/** Resolves when a QEMU of the host waits for somebody to answer it. */
export async function isConnecting(host: MeshHost): Promise<void> {
  for (let tries = 0; tries < 1_000; tries += 1) {
    const { stdout } = (await host.namespace?.exec(["ss", "-Htnp", "state", "syn-sent"])) ?? { stdout: "" };
    if (stdout.includes("qemu-system")) return;
    // The kernel tells nobody of it.
    await delay(50);
  }
  throw new Error(`no QEMU of ${host.name} connects to anything`);
}
