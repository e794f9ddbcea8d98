import { createInterface } from "node:readline";
import { connect, createServer, type Server, type Socket } from "node:net";
import { messageOf, VirtError } from "@virtmesh/core/errors";

/** What the source sends: one JSON object a line. */
export type FromSource =
  | { readonly say: "hello"; readonly migration: string }
  | { readonly say: "write"; readonly disk: string; readonly offset: number; readonly data: string }
  /** No more writes to that disk. */
  | { readonly say: "conclude"; readonly disk: string }
  | { readonly say: "memory"; readonly bytes: string }
  /** Partly: memory follows, until "complete". */
  | { readonly say: "deviceState"; readonly partly: boolean }
  | { readonly say: "complete" };

/** What the destination answers. */
export type FromDestination =
  | { readonly say: "welcome" }
  | { readonly say: "concluded"; readonly disk: string }
  | { readonly say: "loaded" }
  | { readonly say: "refused"; readonly message: string };

type Message = FromSource | FromDestination;

/** One end of the line between two test hosts. */
export class Line<Out extends Message, In extends Message> implements Disposable {
  readonly #socket: Socket;

  /** `onEnd` once, when the line is gone for whatever reason. */
  constructor(socket: Socket, onMessage: (message: In) => void, onEnd: () => void) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("error", () => socket.destroy());
    socket.once("close", onEnd);
    const lines = createInterface({ input: socket });
    lines.on("line", (line) => onMessage(JSON.parse(line) as In));
    // It repeats the socket's error, which ends in "close" there.
    lines.on("error", () => socket.destroy());
  }

  send(message: Out): void {
    this.#socket.write(`${JSON.stringify(message)}\n`);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

/** @throws PEER_LOST when nobody answers there. */
export async function dial(address: string, signal: AbortSignal): Promise<Socket> {
  const match = /^tcp:(.+):(\d+)$/.exec(address);
  if (match?.[1] === undefined) throw new VirtError("PROTOCOL", `"${address}" is no address of a test host`);
  const socket = connect({ host: match[1], port: Number(match[2]), signal });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once("connect", resolve);
  socket.once("error", reject);
  try {
    await promise;
    return socket;
  } catch (e) {
    throw new VirtError(
      "PEER_LOST",
      `the destination does not answer at ${address}: ${messageOf(e)}`,
      {},
      { cause: e },
    );
  }
}

/** Listens on a free port; one migration has one listener. */
export async function listen(
  host: string,
  onSocket: (socket: Socket) => void,
): Promise<{ readonly port: number; readonly server: Server }> {
  const server = createServer(onSocket);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(0, host, resolve);
  await promise;
  const address = server.address();
  if (address === null || typeof address === "string")
    throw new VirtError("INTERNAL", "a TCP listener has no port");
  return { port: address.port, server };
}
