import { rename, rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { VirtError } from "@virtmesh/core/errors";

/**
 * A listening UNIX socket that is made here and given to a child. The agent connects to it before the child has
 * even begun: the kernel holds the connection until the child accepts it, so nothing waits for a path to appear.
 */
export class HandedSocket implements AsyncDisposable {
  /** @param path At most 107 bytes (sun_path in unix(7)). What was there is replaced. */
  static async listen(path: string): Promise<HandedSocket> {
    const server = createServer();
    // Closing a server removes the path it was bound to, so that path is another one.
    const bound = `${path}~`;
    await rm(bound, { force: true });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(bound, resolve);
    });
    await rename(bound, path);
    return new HandedSocket(server);
  }

  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /**
   * For a child that waits in accept(2) rather than for an event: Node's sockets do not block, and a child's is the
   * same. Node has no public name for this.
   */
  setBlocking(): void {
    const handle = this.#handle;
    const set: unknown = Reflect.get(handle, "setBlocking");
    if (typeof set !== "function") {
      throw new VirtError("INTERNAL", "this version of Node cannot make a listening socket block");
    }
    set.call(handle, true);
  }

  get #handle(): object {
    const handle: unknown = Reflect.get(this.#server, "_handle");
    return typeof handle === "object" && handle !== null ? handle : {};
  }

  /** The descriptor, for `stdio` of a child. Node has no public name for that of a server. */
  get fd(): number {
    const fd: unknown = Reflect.get(this.#handle, "fd");
    if (typeof fd !== "number" || fd < 0) {
      throw new VirtError(
        "INTERNAL",
        "this version of Node does not tell the descriptor of a listening socket",
      );
    }
    return fd;
  }

  /** Lets go of it on this side, before anybody connects. The child and the path keep it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
