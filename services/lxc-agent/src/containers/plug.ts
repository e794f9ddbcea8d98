import { rm } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import { runTool } from "@virtmesh/agent/machine/run-tool";
import { VirtError } from "@virtmesh/core/errors";
import type { Interface } from "@virtmesh/documents/domain/devices/interface";
import type { Container, RunDisk } from "./container.ts";

/** The disk, which the container may use, appears in its /dev. @throws HOST_SETUP */
export async function addDiskNode(container: Container, target: string, disk: RunDisk): Promise<void> {
  const [major = "0", minor = "0"] = disk.number.split(":");
  await runTool("mknod", ["-m", "0600", nodeOf(container, target), "b", major, minor]);
}

export async function removeDiskNode(container: Container, target: string): Promise<void> {
  const node = nodeOf(container, target);
  // One that was there at the start is mounted over a file.
  await runTool("nsenter", [
    "-t",
    String(container.running.init.pid),
    "-m",
    "umount",
    `/dev/${target}`,
  ]).catch(() => undefined);
  await rm(node, { force: true });
}

/** Seen through its first process the container's own /dev is reached. */
function nodeOf(container: Container, target: string): string {
  return `/proc/${container.running.init.pid}/root/dev/${target}`;
}

/** A pair of ends: one on the bridge of the host, one in the container. @throws CONFIG_UNSUPPORTED, HOST_SETUP */
export async function addInterface(
  container: Container,
  nic: Interface,
  index: number,
  signal: AbortSignal,
): Promise<void> {
  const pair = nic.target?.dev;
  if ((nic.type !== "bridge" && nic.type !== "ethernet") || pair === undefined) {
    throw new VirtError(
      "CONFIG_UNSUPPORTED",
      `a card of the type "${nic.type}" cannot be attached to container "${container.name}" while it runs; one on a bridge can`,
    );
  }
  const inside = nic.guest?.dev ?? `eth${index}`;
  const pid = String(container.running.init.pid);
  const passing = `${pair}p`.slice(-15);
  const ip = (...args: readonly string[]): Promise<string> => runTool("ip", args, { signal });
  const within = (...args: readonly string[]): Promise<string> =>
    runTool("nsenter", ["-t", pid, "-n", "ip", ...args], { signal });
  await ip("link", "add", pair, "type", "veth", "peer", "name", passing);
  try {
    if (nic.mac !== undefined) await ip("link", "set", passing, "address", nic.mac.address);
    await ip("link", "set", passing, "netns", pid);
    await within("link", "set", passing, "name", inside);
    for (const { address, prefix } of nic.ips)
      await within("address", "add", `${address}/${prefix ?? 32}`, "dev", inside);
    if (nic.link !== "down") await within("link", "set", inside, "up");
    if (nic.type === "bridge" && nic.source?.bridge !== undefined)
      await ip("link", "set", pair, "master", nic.source.bridge);
    await ip("link", "set", pair, "up");
  } catch (e) {
    await ip("link", "delete", pair).catch(() => undefined);
    throw e;
  }
}

/** Both ends go together. */
export async function removeInterface(
  container: Container,
  nic: Interface,
  signal: AbortSignal,
): Promise<void> {
  const pair = nic.target?.dev;
  if (pair === undefined) {
    throw new VirtError(
      "CONFIG_UNSUPPORTED",
      `a card of the type "${nic.type}" cannot be taken from container "${container.name}" while it runs`,
    );
  }
  await runTool("ip", ["link", "delete", pair], { signal });
}

/** Its link, and the bridge of the host it hangs at. @throws CONFIG_UNSUPPORTED when more shall change */
export async function changeInterface(
  { name }: Container,
  from: Interface,
  to: Interface,
  signal: AbortSignal,
): Promise<void> {
  const pair = from.target?.dev;
  const before = from.type === "bridge" ? from.source : undefined;
  const after = to.type === "bridge" ? to.source : undefined;
  const rest = { ...to, link: from.link, ...(before === undefined ? {} : { source: before }) };
  if (pair === undefined || !isDeepStrictEqual(withoutNothing(rest), withoutNothing(from))) {
    throw new VirtError(
      "CONFIG_UNSUPPORTED",
      `of a card of container "${name}" only the link and the bridge can change while it runs; detach it and attach it anew`,
      { resource: { type: "domain", name } },
    );
  }
  const ip = (...args: readonly string[]): Promise<string> =>
    runTool("ip", ["link", "set", pair, ...args], { signal });
  if (after?.bridge !== undefined && after.bridge !== before?.bridge) await ip("master", after.bridge);
  await ip(to.link === "down" ? "down" : "up");
}

function withoutNothing(nic: object): object {
  return Object.fromEntries(Object.entries(nic).filter(([, value]) => value !== undefined));
}
