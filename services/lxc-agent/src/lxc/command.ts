import { connect, type Socket } from "node:net";
import { once } from "node:events";
import { constants } from "node:os";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import { commandSocket } from "./sockets.ts";
import { type LxcState, stateOf } from "./records.ts";

/** Numbers of liblxc's commands. Only these two answer without credentials and without harm to the monitor. */
const GET_STATE = 3;
const GET_INIT_PID = 4;
/** `int ret; int length; void *data`. */
const ANSWER_BYTES = 16;
const ANSWER_MS = 5_000;

/** A connection to a container's monitor. It closes when the container has ended, however it did. */
export class Held implements Disposable {
  readonly gone: Promise<void>;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.gone = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.on("error", () => undefined);
    // Nothing is asked here, but without a reader the end is not noticed.
    socket.resume();
  }

  [Symbol.dispose](): void {
    this.#socket.removeAllListeners("close");
    this.#socket.destroy();
  }
}

/** Holds on to a running container; undefined when none of that name runs. */
export async function hold(lxcPath: string, container: string): Promise<Held | undefined> {
  const socket = connect({ path: commandSocket(lxcPath, container) });
  try {
    await once(socket, "connect");
  } catch {
    socket.destroy();
    return undefined;
  }
  return new Held(socket);
}

/** The state of a container; STOPPED when none of that name runs. @throws when its monitor does not answer */
export async function askState(lxcPath: string, container: string): Promise<LxcState> {
  const answer = await ask(lxcPath, container, GET_STATE);
  return answer === undefined ? "STOPPED" : (stateOf(Number(answer.readBigUInt64LE(8))) ?? "STOPPED");
}

/** The first process of a container, as the host numbers it; undefined when none of that name runs. */
export async function askInitPid(lxcPath: string, container: string): Promise<number | undefined> {
  return (await ask(lxcPath, container, GET_INIT_PID))?.readInt32LE(8);
}

/**
 * LXC asks for a caller's credentials just after it has accepted the connection. A request that arrives between the two
 * bears none and is refused with EPERM (seen in one start of 600 on a busy host); asked again, it is answered.
 */
async function ask(lxcPath: string, container: string, command: number): Promise<Buffer | undefined> {
  const path = commandSocket(lxcPath, container);
  const signal = AbortSignal.timeout(ANSWER_MS);
  try {
    for (;;) {
      const answer = await askOnce(path, command, signal);
      if (answer?.readInt32LE(0) !== -constants.errno.EPERM) return answer;
    }
  } catch (cause) {
    throw new VirtError(
      "HYPERVISOR_FAILED",
      `the monitor of container ${container} did not answer${signal.aborted ? ` within ${ANSWER_MS} ms` : ""}: ${messageOf(cause)}`,
      {},
      { cause },
    );
  }
}

/** One connection, one answer; undefined when there is no monitor, or it ends instead of answering. */
async function askOnce(path: string, command: number, signal: AbortSignal): Promise<Buffer | undefined> {
  const socket = connect({ path, signal });
  try {
    const request = Buffer.alloc(ANSWER_BYTES);
    request.writeInt32LE(command, 0);
    socket.write(request);
    let answer = Buffer.alloc(0);
    for await (const part of socket as AsyncIterable<Buffer>) {
      answer = Buffer.concat([answer, part]);
      if (answer.length >= ANSWER_BYTES) return answer;
    }
    return undefined;
  } catch (e) {
    if (["ECONNREFUSED", "ECONNRESET", "EPIPE"].includes((e as NodeJS.ErrnoException).code ?? ""))
      return undefined;
    throw e;
  } finally {
    socket.destroy();
  }
}
