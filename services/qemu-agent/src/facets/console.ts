import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { chunksOf } from "@virtmesh/agent/guests/consoles";
import type { Call } from "@virtmesh/core/call";
import type { ConsoleStream } from "@virtmesh/core/driver/domains";
import { VirtError } from "@virtmesh/core/errors";
import type { Guest } from "../domain/guest.ts";

/** Serial consoles: unix sockets of QEMU, each with one reader at a time. */
export class Consoles implements AsyncDisposable {
  readonly #open = new Map<string, SocketConsole>();

  /** @throws DOMAIN_NOT_RUNNING, DEVICE_NOT_FOUND, CONSOLE_BUSY, HYPERVISOR_UNRESPONSIVE */
  async open(
    guest: Guest,
    options: { readonly device: string; readonly force: boolean },
    c: Call,
  ): Promise<ConsoleStream> {
    const path = socketOf(guest, options.device);
    const holder = this.#open.get(path);
    if (holder !== undefined) {
      if (!options.force) {
        throw new VirtError(
          "CONSOLE_BUSY",
          `the console of guest "${guest.name}" is open already; force takes it over`,
          { resource: { type: "domain", name: guest.name } },
        );
      }
      // QEMU takes the next reader only when this one is gone.
      await holder[Symbol.asyncDispose]();
    }
    const socket = connect({ path });
    const opened = new SocketConsole(socket, () => {
      if (this.#open.get(path) === opened) this.#open.delete(path);
    });
    this.#open.set(path, opened);
    try {
      await opened.connected(c.signal);
      return opened;
    } catch (e) {
      await opened[Symbol.asyncDispose]();
      if (c.signal.aborted) throw VirtError.from(e);
      throw new VirtError(
        "HYPERVISOR_UNRESPONSIVE",
        `the console of guest "${guest.name}" at ${path} cannot be reached, or was taken over by another reader`,
        {},
        { cause: e },
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#open.values()].map((console) => console[Symbol.asyncDispose]()));
  }
}

/** `""` is the first; others go by the name of the device or of its host side: `serial0`, `charserial0`. */
function socketOf(guest: Guest, device: string): string {
  const { consoles } = guest.running.allotment;
  // The first console is the first serial port when there is one, under both names.
  const named = [device, `char${device}`, device.replace(/^(?:char)?console/, "charserial")];
  const path =
    device === ""
      ? (consoles["charserial0"] ?? Object.values(consoles)[0])
      : named.map((n) => consoles[n]).find(Boolean);
  if (path !== undefined) return path;
  const known = Object.keys(consoles).map((id) => id.replace(/^char/, ""));
  throw new VirtError(
    "DEVICE_NOT_FOUND",
    device === ""
      ? `guest "${guest.name}" has no serial console of type pty`
      : `guest "${guest.name}" has no console "${device}", only ${known.join(", ") || "none"}`,
    { resource: { type: "domain", name: guest.name } },
  );
}

class SocketConsole implements ConsoleStream {
  readonly output: AsyncIterable<Uint8Array>;
  readonly #socket: Socket;
  readonly #closed: Promise<void>;

  constructor(socket: Socket, onClose: () => void) {
    this.#socket = socket;
    this.output = chunksOf(socket);
    this.#closed = new Promise((resolve) => {
      socket.once("close", () => {
        onClose();
        resolve();
      });
    });
    // The end of QEMU and a takeover end the output; an error before the connection is told by `open`.
    socket.on("error", () => undefined);
  }

  /** Fails too when it is closed before: its guest ended, or somebody took it over. */
  async connected(signal: AbortSignal): Promise<void> {
    const opened = once(this.#socket, "connect", { signal }).then(() => true);
    if (await Promise.race([opened, this.#closed.then(() => false)])) return;
    throw new VirtError("OPERATION_ABORTED", "the console was closed before it was open");
  }

  write(data: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(data, (e) => {
        if (!e) resolve();
        else reject(new VirtError("HYPERVISOR_UNRESPONSIVE", "the console has ended", {}, { cause: e }));
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    await this.#closed;
  }
}
