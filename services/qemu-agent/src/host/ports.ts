import { createServer } from "node:net";
import { VirtError } from "@virtmesh/core/errors";

/** TCP ports of this host that guests listen on, allotted out of a range; no two guests get the same. */
export class PortRange {
  readonly #first: number;
  readonly #last: number;
  readonly #taken = new Map<number, string>();

  constructor(first: number, last: number) {
    this.#first = first;
    this.#last = last;
  }

  /**
   * A port that nobody listens on, reserved for `owner` until released. Somebody outside may still take it before
   * QEMU does: then QEMU says so, and the start is tried with another one.
   * @throws LIMIT_REACHED
   */
  async allot(address: string, owner: string): Promise<number> {
    for (let port = this.#first; port <= this.#last; port += 1) {
      if (this.#taken.has(port)) continue;
      this.#taken.set(port, owner);
      if (await isFree(address, port)) return port;
      this.#taken.delete(port);
    }
    throw new VirtError(
      "LIMIT_REACHED",
      `no port between ${this.#first} and ${this.#last} is free on ${address} for guest "${owner}"`,
    );
  }

  /** Takes a port that a definition names, or that a running guest has. @throws HOST_SETUP when another guest has it. */
  reserve(port: number, owner: string): void {
    const other = this.#taken.get(port);
    if (other !== undefined && other !== owner) {
      throw new VirtError(
        "HOST_SETUP",
        `guest "${owner}" cannot listen on port ${port}, guest "${other}" does; let autoport choose one`,
      );
    }
    this.#taken.set(port, owner);
  }

  release(port: number, owner: string): void {
    if (this.#taken.get(port) === owner) this.#taken.delete(port);
  }
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
