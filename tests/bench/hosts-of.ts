import { VirtError } from "@virtmesh/core/errors";
import type { Host } from "@virtmesh/lab/hosts";
import type { MeshClient } from "./mesh-client.ts";

export interface TwoHosts {
  readonly source: Host;
  readonly destination: Host;
}

/** The namespaces of a mesh's two hosts: the contenders of virtmesh live on the very same ones. */
export function hostsOf({ a, b }: MeshClient): TwoHosts {
  const [source, destination] = [a.namespace, b.namespace];
  if (!source || !destination) throw new VirtError("HOST_SETUP", "the hosts of this mesh have no namespaces");
  return { source, destination };
}
