import { type ChildProcessByStdio, spawn } from "node:child_process";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { repositoryRoot } from "@virtmesh/lab/repository";
import type { RunningMesh } from "@virtmesh/lab/mesh";

export interface Result {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** The command line as a user has it: the launcher in clients/cli/bin, with its gateway in the environment. */
export class Cli {
  readonly env: Readonly<Record<string, string | undefined>>;

  constructor(gateway: string, tlsDir = "") {
    this.env = { ...process.env, VIRTMESH_GATEWAY: gateway, VIRTMESH_TLS_DIR: tlsDir, VIRTMESH_URI: "" };
  }

  static of(mesh: RunningMesh): Cli {
    return new Cli(mesh.gateway.address, mesh.clientTlsDir);
  }

  /** Runs a command to its end, with `input` as its standard input. */
  async run(words: readonly string[], input = ""): Promise<Result> {
    const running = this.start(words);
    running.stdin.end(input);
    return running.ended;
  }

  /** Runs a command that must succeed, and gives what it said. */
  async ok(...words: string[]): Promise<string> {
    const result = await this.run(words);
    if (result.code !== 0)
      throw new Error(`virtmesh ${words.join(" ")} ended with ${result.code}: ${result.err}${result.out}`);
    return result.out;
  }

  async json(...words: string[]): Promise<unknown> {
    return JSON.parse(await this.ok("--json", ...words));
  }

  start(words: readonly string[]): RunningCli {
    return new RunningCli(
      spawn(join(repositoryRoot(), "clients/cli/bin/virtmesh"), words, {
        env: this.env,
        stdio: ["pipe", "pipe", "pipe"],
      }),
    );
  }
}

/** A command under way. Disposing ends it. */
export class RunningCli implements Disposable {
  readonly ended: Promise<Result>;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #waiting = new Set<() => void>();
  #out = "";
  #err = "";

  constructor(child: ChildProcessByStdio<Writable, Readable, Readable>) {
    this.#child = child;
    child.stdout.setEncoding("utf8").on("data", (text: string) => this.#heard((this.#out += text)));
    child.stderr.setEncoding("utf8").on("data", (text: string) => this.#heard((this.#err += text)));
    // A command may end before it has read all that it was given.
    child.stdin.on("error", () => undefined);
    this.ended = new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => {
        resolve({ code, out: this.#out, err: this.#err });
        this.#heard("");
      });
    });
  }

  get stdin(): Writable {
    return this.#child.stdin;
  }

  interrupt(): void {
    this.#child.kill("SIGINT");
  }

  /** Resolves when standard output matches; fails when the command ends without. */
  out(pattern: RegExp): Promise<string> {
    return this.#until(pattern, () => this.#out);
  }

  err(pattern: RegExp): Promise<string> {
    return this.#until(pattern, () => this.#err);
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
  }

  #heard(_text: string): void {
    for (const look of this.#waiting) look();
  }

  #until(pattern: RegExp, text: () => string): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const look = (): void => {
      if (pattern.test(text())) resolve(text());
      else if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        reject(new Error(`the command ended without ${String(pattern)}: ${this.#out}${this.#err}`));
      }
    };
    this.#waiting.add(look);
    look();
    return promise.finally(() => this.#waiting.delete(look));
  }
}

/** A guest of the test hypervisor. `metadata`: elements that make it slow or make it fail. */
export function testGuest(
  name: string,
  options: { readonly disk?: string; readonly metadata?: string } = {},
): string {
  const disk =
    options.disk === undefined
      ? ""
      : `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${options.disk}'/><target dev='vda' bus='virtio'/></disk>`;
  return `<domain type='test'>
  <name>${name}</name>
  <memory unit='MiB'>256</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64'>hvm</type></os>
  ${options.metadata === undefined ? "" : `<metadata>${options.metadata}</metadata>`}
  <devices>${disk}<serial type='pty'/><graphics type='vnc' port='5907' autoport='no' listen='127.0.0.1'/></devices>
</domain>`;
}
