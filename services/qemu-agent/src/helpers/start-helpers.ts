import { access, constants, mkdir } from "node:fs/promises";
import { VirtError } from "@virtmesh/core/errors";
import { HandedSocket } from "../process/handed-socket.ts";
import { QemuProcess } from "../process/qemu-process.ts";
import type { Helper } from "./helpers-of.ts";

/**
 * Starts a guest's helpers, each with the socket on which it listens: QEMU may connect at once. They are sessions of
 * their own and outlive the agent, as the guest does. What was started is ended when it throws.
 * @throws HOST_SETUP naming the package that is missing
 */
export async function startHelpers(
  helpers: readonly Helper[],
  logFd: number,
): Promise<readonly QemuProcess[]> {
  const started: QemuProcess[] = [];
  try {
    for (const helper of helpers) started.push(await start(helper, logFd));
  } catch (e) {
    endHelpers(started);
    throw e;
  }
  return started;
}

/** Ends helpers of a guest that did not come up; those of one that did end with it. */
export function endHelpers(helpers: readonly QemuProcess[]): void {
  for (const helper of helpers) helper.kill("SIGKILL");
}

async function start(helper: Helper, logFd: number): Promise<QemuProcess> {
  const binary = await find(helper);
  for (const directory of helper.directories) await mkdir(directory, { recursive: true, mode: 0o700 });
  await using socket = await HandedSocket.listen(helper.socket);
  socket.setBlocking();
  return await QemuProcess.spawn({ binary, args: helper.args, logFd, inherit: [socket.fd] });
}

async function find({ programs, purpose, package: name }: Helper): Promise<string> {
  for (const program of programs) {
    const there = await access(program, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (there) return program;
  }
  throw new VirtError(
    "HOST_SETUP",
    `the program for the ${purpose} of the guest is not there (${programs.join(", ")}); install ${name}`,
  );
}
