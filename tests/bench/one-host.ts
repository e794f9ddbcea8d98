import { VirtError } from "@virtmesh/core/errors";
import type { Host } from "@virtmesh/lab/hosts";
import type { MeshHost } from "@virtmesh/lab/launcher";
import { type RunningMesh, startMesh } from "@virtmesh/lab/mesh";

/** A mesh of one host in a namespace; libvirtd can be started there too, as far away as the agent. */
export interface OneHost extends AsyncDisposable {
  readonly mesh: RunningMesh;
  readonly host: MeshHost;
  readonly namespace: Host;
}

export async function startOneHost(dir: string, tls: boolean): Promise<OneHost> {
  const mesh = await startMesh({ hosts: ["host-a"], netns: true, tls, dir });
  const [host] = mesh.hosts;
  const namespace = host?.namespace;
  if (!host || !namespace) throw new VirtError("HOST_SETUP", "the mesh has no host in a namespace");
  return { mesh, host, namespace, [Symbol.asyncDispose]: async () => await mesh[Symbol.asyncDispose]() };
}
