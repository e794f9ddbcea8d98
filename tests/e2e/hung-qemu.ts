import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { MeshHost } from "@virtmesh/lab/launcher";
import { QmpConnection } from "../../services/qemu-agent/src/qmp/connection.ts";
import { QmpError } from "../../services/qemu-agent/src/qmp/errors.ts";

const SILENCE_MS = 2_000;

/**
 * Resolves when the main loop of a host's only QEMU hangs on memory that it lacks: by itself, as the guest uses its
 * devices, or since it is told to read all of it. Needs the agent to be away, since the monitor takes one client.
 */
export async function hangsOnMemory(host: MeshHost, memoryBytes: number): Promise<void> {
  const [uuid] = (await readdir(join(host.runDir, "qemu"))).filter((name) => /^[0-9a-f-]{36}$/.test(name));
  const path = join(host.runDir, "qemu", uuid ?? "", "qmp.sock");
  try {
    using qmp = await QmpConnection.open({ path, greetingTimeoutMs: SILENCE_MS });
    const all = { "command-line": `pmemsave 0 ${memoryBytes} /dev/null` };
    const said = await qmp.execute("human-monitor-command", all, { timeoutMs: SILENCE_MS });
    throw new Error(`QEMU on ${host.name} read all of its guest's memory, and lacks none: ${said}`);
  } catch (e) {
    if (e instanceof QmpError && e.failure === "timeout") return;
    throw e;
  }
}
