import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { VirtError } from "@virtmesh/core/errors";
import { HandedSocket } from "../../services/qemu-agent/src/process/handed-socket.ts";
import { QmpConnection } from "../../services/qemu-agent/src/qmp/connection.ts";
import type { QmpEvent } from "../../services/qemu-agent/src/qmp/events.ts";

export interface HandQemuOptions {
  readonly args: readonly string[];
  /** Unique; its files are in `dir` under this name. */
  readonly name: string;
  /** Of this run: a QEMU that names it goes with the run, whatever happens. */
  readonly dir: string;
  /** Words that make it run on another host. */
  readonly enter?: readonly string[];
}

/** A QEMU started by hand, and everything it has said. Nothing that manages QEMU can be up sooner. */
export class HandQemu implements AsyncDisposable {
  readonly qmp: QmpConnection;
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #events: QmpEvent[];
  readonly #waiting: Set<(event: QmpEvent) => void>;

  private constructor(child: ChildProcess, qmp: QmpConnection, events: QmpEvent[], waiting: Waiting) {
    this.#child = child;
    this.pid = child.pid ?? 0;
    this.qmp = qmp;
    this.#events = events;
    this.#waiting = waiting;
  }

  /** Resolves when its monitor answers. */
  static async start(options: HandQemuOptions): Promise<HandQemu> {
    const path = join(options.dir, `${options.name}.qmp`);
    const [program = "", ...args] = [
      ...(options.enter ?? []),
      ...["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none"],
      ...["-pidfile", join(options.dir, `${options.name}.pid`)],
      ...["-chardev", "socket,id=mon,fd=3,server=on,wait=off", "-mon", "chardev=mon,mode=control"],
      ...options.args,
    ];
    const events: QmpEvent[] = [];
    const waiting: Waiting = new Set();
    const onEvent = (event: QmpEvent): void => {
      events.push(event);
      for (const hear of [...waiting]) hear(event);
    };
    const socket = await HandedSocket.listen(path);
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe", socket.fd] });
    await socket[Symbol.asyncDispose]();
    let said = "";
    child.stderr?.on("data", (chunk: Buffer) => (said = chunk.toString()));
    try {
      return new HandQemu(child, await QmpConnection.open({ path, onEvent }), events, waiting);
    } catch (e) {
      child.kill("SIGKILL");
      throw new VirtError(
        "HOST_SETUP",
        `QEMU "${options.name}" did not come up: ${said.trim()}`,
        {},
        { cause: e },
      );
    }
  }

  /** Resolves at an event that matches, one that was said already included. */
  async seen(match: (event: QmpEvent) => boolean): Promise<QmpEvent> {
    const past = this.#events.find(match);
    if (past) return past;
    return await new Promise<QmpEvent>((resolve) => {
      const hear = (event: QmpEvent): void => {
        if (!match(event)) return;
        this.#waiting.delete(hear);
        resolve(event);
      };
      this.#waiting.add(hear);
    });
  }

  /** Ends it at once and waits until it has ended. */
  async kill(signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill(signal);
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.qmp.close();
    await this.kill();
  }
}

type Waiting = Set<(event: QmpEvent) => void>;
