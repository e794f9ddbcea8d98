import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { VirtError } from "@virtmesh/core/errors";

export interface NatsOptions {
  /** Store directory; a temporary one, removed at the end, unless told. */
  readonly dir?: string;
  /** 0 or absent: one that is free. */
  readonly port?: number;
  /** Address to listen on; 127.0.0.1 unless told. */
  readonly listen?: string;
  /** A nats-server configuration file (accounts, cluster); port, address and store are still given here. */
  readonly configFile?: string;
  /** The configuration file names the store: a server that was told of it on its command line refuses to reload. */
  readonly storeInConfig?: boolean;
  /** PEM files; clients must show a certificate of that authority. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
}

/** A real nats-server with JetStream, as a child of this process. */
export interface NatsServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly dir: string;
  /** Ends it and waits until it has ended. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** SIGSTOP: it holds its sockets and answers nothing. */
  pause(): void;
  resume(): void;
  /** Ends it if it runs and starts it again on the same port and store. */
  restart(): Promise<void>;
  /** Last lines of its log. */
  log(): string;
}

const KEPT_LINES = 200;

export async function startNats(options: NatsOptions = {}): Promise<NatsServer> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), "virtmesh-nats-")));
  const address = options.listen ?? "127.0.0.1";
  const lines: string[] = [];
  let running = await launch(options, dir, address, options.port ?? 0, lines);
  const { port } = running;
  const kill = async (signal: NodeJS.Signals = "SIGTERM"): Promise<void> => {
    const { child } = running;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    // A stopped process takes no signal but SIGKILL until it goes on.
    child.kill("SIGCONT");
    await ended;
  };
  return {
    url: `${options.tls ? "tls" : "nats"}://${address}:${port}`,
    port,
    dir,
    get pid() {
      return running.pid;
    },
    kill,
    pause: () => void running.child.kill("SIGSTOP"),
    resume: () => void running.child.kill("SIGCONT"),
    async restart() {
      await kill();
      running = await launch(options, dir, address, port, lines);
    },
    log: () => lines.join("\n"),
    async [Symbol.asyncDispose]() {
      await kill(options.dir === undefined ? "SIGKILL" : "SIGTERM");
      if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
    },
  };
}

interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly port: number;
}

async function launch(
  options: NatsOptions,
  dir: string,
  address: string,
  port: number,
  lines: string[],
): Promise<Running> {
  const args = [
    "-js",
    ...(options.storeInConfig === true ? [] : ["-sd", dir]),
    "-a",
    address,
    "-p",
    port === 0 ? "-1" : String(port),
  ];
  if (options.configFile !== undefined) args.push("-c", options.configFile);
  if (options.tls) {
    const { ca, cert, key } = options.tls;
    args.push("--tls", "--tlsverify", "--tlscacert", ca, "--tlscert", cert, "--tlskey", key);
  }
  // A test runner that is killed must not leave servers behind.
  const [command, ...rest] =
    process.platform === "linux"
      ? ["setpriv", "--pdeathsig", "KILL", "nats-server", ...args]
      : ["nats-server", ...args];
  const child = spawn(command ?? "nats-server", rest, { stdio: ["ignore", "ignore", "pipe"] });
  const ready = Promise.withResolvers<number>();
  child.once("error", (e) => {
    ready.reject(
      new VirtError(
        "HOST_SETUP",
        "nats-server cannot be started; install it with apt install nats-server",
        {},
        { cause: e },
      ),
    );
  });
  child.once("exit", () => {
    ready.reject(new VirtError("HOST_SETUP", `nats-server ended at once: ${lines.slice(-3).join("; ")}`));
  });
  let listening = port;
  createInterface({ input: child.stderr }).on("line", (line) => {
    lines.push(line);
    if (lines.length > KEPT_LINES) lines.shift();
    const found = /Listening for client connections on .*:(\d+)$/.exec(line);
    if (found) listening = Number(found[1]);
    if (line.includes("Server is ready")) ready.resolve(listening);
  });
  const actual = await ready.promise;
  if (child.pid === undefined) throw new VirtError("HOST_SETUP", "nats-server has no process id");
  return { child, pid: child.pid, port: actual };
}
