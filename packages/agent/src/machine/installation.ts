import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { Agent } from "@virtmesh/api/gen/virtmesh/v1/agent";
import { VirtError } from "@virtmesh/core/errors";
import { parseUuid } from "@virtmesh/core/ids";
import { JsonFile } from "../journal/json-file.ts";

/** What tells this agent from any other of its name: made at its first start, and kept in its state directory. */
export async function installationOf(stateDir: string): Promise<string> {
  const path = join(stateDir, "installation.json");
  const content = await JsonFile.read(path);
  if (content === undefined) {
    const id = randomUUID();
    await new JsonFile(path, () => ({ id })).save();
    return id;
  }
  if (isInstallation(content)) return content.id;
  throw new VirtError(
    "HOST_SETUP",
    `${path} does not say which agent this is; put a good copy back, or remove it`,
  );
}

export function nameTaken(by: Agent): VirtError {
  const { host, hypervisor, address } = by;
  return new VirtError(
    "HOST_SETUP",
    `another agent for ${hypervisor} is called ${host} and serves at ${address}: give one of the two another name ` +
      `(--host or VIRTMESH_HOST); if that one is to go, stop it first, and this one can have its name`,
    { metadata: { host, hypervisor, address } },
  );
}

function isInstallation(value: unknown): value is { readonly id: string } {
  return (
    typeof value === "object" &&
    value !== null &&
    "id" in value &&
    typeof value.id === "string" &&
    parseUuid(value.id) !== undefined
  );
}
