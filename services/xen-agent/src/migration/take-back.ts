import type { Duplex } from "node:stream";
import { VirtError } from "@virtmesh/core/errors";
import type { ListedDomain } from "../xl/listing.ts";
import { listDomains } from "../guests/launch.ts";
import { BANNER, bytesBeforeMemory } from "./handshake.ts";
import { WAY_STDIO, WAY_TO_AGENT } from "./sending.ts";
import { XlStream } from "./xl-stream.ts";

/**
 * Lets a guest go on that stands still for a migration. Before Xen 4.20 xl has no verb for that; but one that loses its
 * destination does it ("Migration failed, resuming at sender"), and says so by failing. So it is given a destination that
 * hangs up as soon as memory comes.
 * @returns false when it is not there any more @throws HYPERVISOR_FAILED when it still stands still
 */
export async function takeBack({ id, name }: ListedDomain, lock: string): Promise<boolean> {
  const xl = new XlStream(["migrate", "-e", "-s", "", String(id), WAY_TO_AGENT], {
    lock,
    stdio: [...WAY_STDIO],
  });
  const channel = xl.process.stdio[3] as Duplex;
  let head = Buffer.alloc(0);
  // How xl ended is seen by what has become of the guest.
  channel.on("error", () => undefined);
  channel.on("data", (chunk: Buffer) => {
    head = Buffer.concat([head, chunk]);
    // An xl that cannot write what it writes itself ends, or crashes, without a hand for the guest: only the helper that
    // sends the memory may find nobody there.
    if (head.length > (bytesBeforeMemory(head) ?? Number.POSITIVE_INFINITY)) channel.destroy();
  });
  channel.write(BANNER);
  await xl.exited;
  channel.destroy();
  const now = (await listDomains()).find((row) => row.id === id && !row.dying);
  if (now?.shutdown !== "suspend") return now !== undefined;
  throw new VirtError(
    "HYPERVISOR_FAILED",
    `guest "${name}" stands still for a migration and Xen does not let it go on: ${xl.reason}`,
    { resource: { type: "domain", name } },
  );
}
