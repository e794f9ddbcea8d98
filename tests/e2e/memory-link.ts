import type { MeshHost } from "@virtmesh/lab/launcher";

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
