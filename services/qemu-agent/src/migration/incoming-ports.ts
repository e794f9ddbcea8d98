import { messageOf } from "@virtmesh/core/errors";
import type { DestinationSite } from "./destination-site.ts";
import { memoryAddress } from "./memory-address.ts";

const PORT_ATTEMPTS = 8;

/** Ports of this host that one incoming migration has. */
export class IncomingPorts {
  readonly #site: Pick<DestinationSite, "ports" | "dataAddress">;
  readonly #name: string;
  readonly #taken: number[] = [];

  /** `name`: of the guest, for whoever asks who has a port. */
  constructor(site: Pick<DestinationSite, "ports" | "dataAddress">, name: string) {
    this.#site = site;
    this.#name = name;
  }

  /** Somebody outside may take a port between our look and QEMU's: then the next one is tried. */
  async listen(listen: (port: number) => Promise<unknown>): Promise<number> {
    for (let attempt = 1; ; attempt += 1) {
      const port = await this.#site.ports.allot(this.#site.dataAddress, this.#name);
      this.#taken.push(port);
      try {
        await listen(port);
        return port;
      } catch (e) {
        if (attempt === PORT_ATTEMPTS || !messageOf(e).includes("Address already in use")) throw e;
      }
    }
  }

  /** The same, at an address for memory as QEMU writes it. */
  async listenAt(listen: (uri: string) => Promise<unknown>): Promise<string> {
    return this.#uri(await this.listen((port) => listen(this.#uri(port))));
  }

  /** Such an address on which nobody listens yet. */
  async free(): Promise<string> {
    const port = await this.#site.ports.allot(this.#site.dataAddress, this.#name);
    this.#taken.push(port);
    return this.#uri(port);
  }

  /** Takes one up that was taken before a restart. @returns false when somebody else has it by now */
  claim(port: number): boolean {
    try {
      this.#site.ports.reserve(port, this.#name);
    } catch {
      return false;
    }
    this.#taken.push(port);
    return true;
  }

  #uri(port: number): string {
    return memoryAddress(this.#site.dataAddress, port);
  }

  giveBack(): void {
    for (const port of this.#taken.splice(0)) this.#site.ports.release(port, this.#name);
  }
}
