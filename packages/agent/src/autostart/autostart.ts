import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ownCall } from "@virtmesh/core/call";
import { isActive } from "@virtmesh/core/domain/state";
import { systemCode } from "@virtmesh/core/errors";
import type { Chassis } from "../chassis.ts";
import type { TokenGuard } from "../tokens/token-guard.ts";

/**
 * Starts the guests that are to start with their host: once a boot of the host, not at every start of the agent, so
 * that a guest somebody stopped stays off when the agent is upgraded. The run directory forgets at a boot; where it
 * does not, the time of the boot that is written there tells.
 */
export async function autostart(c: Chassis & { readonly tokens: TokenGuard }): Promise<void> {
  if (c.driver.domains.startsWithHost === true) return;
  const marker = join(c.runDir, "autostarted");
  const boot = String(c.driver.host.info().bootTimeMs);
  if ((await textOf(marker)) === boot) return;
  const wanted = c.driver.domains.list().filter((d) => d.autostart && !isActive(d.state));
  for (const { uuid, name } of wanted) {
    if (c.signal.aborted) return;
    try {
      const call = ownCall(c.signal);
      await c.queue.run({ uuid }, { verb: "autostart" }, call, async () => {
        await c.tokens.ensure(uuid, false, call);
        const now = c.driver.domains.find(uuid);
        if (now && !isActive(now.state)) await c.driver.domains.start(uuid, { paused: false }, call);
      });
      c.logger.info({ domain: uuid, name }, "guest started with its host");
    } catch (err) {
      // One guest that cannot start must not keep the others off.
      c.logger.error(
        { err, domain: uuid, name },
        "a guest that is to start with its host could not be started",
      );
    }
  }
  await writeFile(marker, boot);
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (e) {
    if (systemCode(e) === "ENOENT") return undefined;
    throw e;
  }
}
