import { createHash } from "node:crypto";
import { once } from "node:events";
import { realpath } from "node:fs/promises";
import { createServer } from "node:net";
import { systemCode, VirtError } from "@virtmesh/core/errors";

/**
 * Makes sure that no other agent works with a directory. Two would take up each other's migrations, and each would write
 * the run tokens as it knows them over what the other had given away. What is held is a socket without a file
 * (unix(7), abstract): it is gone with its process, however that ends. @throws HOST_SETUP
 */
export async function beAlone(dir: string): Promise<AsyncDisposable> {
  const name = createHash("sha256")
    .update(await realpath(dir))
    .digest("hex");
  const server = createServer((socket) => socket.destroy());
  server.listen(`\0virtmesh-agent-${name}`);
  try {
    await once(server, "listening");
  } catch (cause) {
    const inUse = systemCode(cause) === "EADDRINUSE";
    const why = inUse
      ? "another agent works with it; stop that one, or give this one a state directory of its own"
      : "it cannot be made sure that no other agent works with it";
    throw new VirtError("HOST_SETUP", `the state directory ${dir}: ${why}`, {}, { cause });
  }
  return {
    [Symbol.asyncDispose]: async () => {
      server.close();
      await once(server, "close");
    },
  };
}
