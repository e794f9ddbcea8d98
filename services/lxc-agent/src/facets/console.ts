import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import type { ConsoleStream } from "@virtmesh/core/driver/domains";
import { VirtError } from "@virtmesh/core/errors";
import type { Container } from "../containers/container.ts";

/** Nobody types this: clients leave a console by it themselves. */
const ESCAPE = "^]";

/** Consoles of containers, each with one reader at a time. */
export class Consoles implements AsyncDisposable {
  readonly #lxcPath: string;
  readonly #open = new Map<string, Console>();

  constructor(lxcPath: string) {
    this.#lxcPath = lxcPath;
  }

  /** `console0` is /dev/console, `console1` the first terminal of `<console>`. @throws DOMAIN_NOT_RUNNING, DEVICE_NOT_FOUND, CONSOLE_BUSY */
  async open(
    container: Container,
    options: { readonly device: string; readonly force: boolean },
  ): Promise<ConsoleStream> {
    const { running } = container;
    const terminal = terminalOf(container, options.device);
    const key = `${container.uuid}/${terminal}`;
    const holder = this.#open.get(key);
    if (holder !== undefined) {
      if (!options.force) {
        throw new VirtError(
          "CONSOLE_BUSY",
          `the console of container "${container.name}" is open already; force takes it over`,
          {
            resource: { type: "domain", name: container.name },
          },
        );
      }
      await holder[Symbol.asyncDispose]();
    }
    const child = spawn(
      "lxc-console",
      ["-P", this.#lxcPath, "-n", container.uuid, "-t", String(terminal), "-e", ESCAPE],
      // Where to press what to leave goes to standard error; it means nothing here.
      { stdio: ["pipe", "pipe", "ignore"] },
    );
    const opened = new Console(child, () => {
      if (this.#open.get(key) === opened) this.#open.delete(key);
    });
    this.#open.set(key, opened);
    // LXC's console does not always see that the container has gone.
    void running.ended.promise.then(() => opened[Symbol.asyncDispose]());
    return opened;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#open.values()].map((console) => console[Symbol.asyncDispose]()));
  }
}

/** 0 for /dev/console, else the number of a terminal. */
function terminalOf({ name, definition }: Container, device: string): number {
  const count = definition.devices.consoles.length;
  const number = Number(/^(?:console|serial)?(\d+)$/.exec(device === "" ? "0" : device)?.[1] ?? Number.NaN);
  if (number <= count) return number;
  throw new VirtError(
    "DEVICE_NOT_FOUND",
    `container "${name}" has no console "${device}", only console0 to console${count}`,
    {
      resource: { type: "domain", name },
    },
  );
}

class Console implements ConsoleStream {
  readonly output: AsyncIterable<Uint8Array>;
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #closed: Promise<unknown>;

  constructor(child: ChildProcessByStdio<Writable, Readable, null>, onClose: () => void) {
    this.#child = child;
    this.output = child.stdout;
    this.#closed = once(child, "close").then(onClose, onClose);
    child.stdin.on("error", () => undefined);
  }

  write(data: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#child.stdin.write(data, (e) => {
        if (!e) resolve();
        else reject(new VirtError("HYPERVISOR_UNRESPONSIVE", "the console has ended", {}, { cause: e }));
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#closed;
  }
}
