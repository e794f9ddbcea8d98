import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { VirtError } from "@virtmesh/core/errors";
import { eachLine } from "@virtmesh/lab/process";
import { repositoryRoot } from "@virtmesh/lab/repository";
import { PYTHON } from "../libvirt/daemon.ts";
import { cpuTime } from "./cpu-time.ts";
import type { CallersTarget, Change, Order, Read, Report } from "./protocol.ts";

/** Two cores have no use for more. */
const PROCESSES = 4;

/** What all callers together saw. */
export interface Seen {
  readonly took: ReadonlyMap<Read | Change, readonly number[]>;
  /** Of the slowest process. */
  readonly elapsedMs: number;
  /** CPU time of the servers, in milliseconds. */
  readonly serverMs: number;
}

/** The callers of one target: some processes, which stay for the whole benchmark. */
export class Crowd implements AsyncDisposable {
  readonly name: string;
  /** The processes that work for a call. */
  readonly #servers: readonly number[];
  readonly #processes: readonly CallerProcess[];

  private constructor(name: string, servers: readonly number[], processes: readonly CallerProcess[]) {
    this.name = name;
    this.#servers = servers;
    this.#processes = processes;
  }

  static async gather(
    name: string,
    target: CallersTarget,
    kind: "grpc" | "libvirt",
    servers: readonly number[],
  ): Promise<Crowd> {
    const processes = Array.from({ length: PROCESSES }, () => new CallerProcess(kind, target));
    for (const p of processes) await p.ready;
    return new Crowd(name, servers, processes);
  }

  /** So many callers read for so long. */
  async read(what: Read, callers: number, ms: number, domain: string): Promise<Seen> {
    return await this.#all(callers, (share) => ({ do: what, callers: share, ms, domain }));
  }

  /** So many callers each take a guest of their own through its life. */
  async live(callers: number, times: number, xml: string, prefix: string): Promise<Seen> {
    return await this.#all(callers, (share, i) => ({
      do: "life",
      callers: share,
      times,
      xml,
      prefix: `${prefix}-${i}`,
    }));
  }

  async fill(xmls: readonly string[]): Promise<Seen> {
    return await this.#all(1, () => ({ do: "fill", xmls }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const p of this.#processes) await p[Symbol.asyncDispose]();
  }

  async #all(callers: number, orderOf: (share: number, index: number) => Order): Promise<Seen> {
    const used = this.#processes.slice(0, Math.min(callers, PROCESSES));
    const before = await cpuTime(this.#servers);
    const reports = await Promise.all(used.map((p, i) => p.tell(orderOf(callers / used.length, i))));
    const serverMs = (await cpuTime(this.#servers)) - before;
    const took = new Map<Read | Change, number[]>();
    for (const report of reports) {
      if (report.error !== undefined)
        throw new VirtError("INTERNAL", `a caller of ${this.name} failed: ${report.error}`);
      for (const [what, times] of Object.entries(report.took)) {
        const key = what as Read | Change;
        took.set(key, [...(took.get(key) ?? []), ...times]);
      }
    }
    return { took, elapsedMs: Math.max(...reports.map((r) => r.elapsedMs)), serverMs };
  }
}

class CallerProcess implements AsyncDisposable {
  readonly ready: Promise<void>;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #answer: PromiseWithResolvers<Report> | undefined;
  #said = "";

  constructor(kind: "grpc" | "libvirt", target: CallersTarget) {
    const folder = join(repositoryRoot(), "tests/bench/api");
    const program = { grpc: [process.execPath, "callers.ts"], libvirt: [PYTHON, "callers.py"] }[kind];
    const [interpreter = "", script = ""] = program;
    this.#child = spawn(
      "setpriv",
      ["--pdeathsig", "KILL", "--", interpreter, join(folder, script), JSON.stringify(target)],
      { stdio: ["pipe", "pipe", "pipe"] },
    );
    const ready = Promise.withResolvers<void>();
    this.ready = ready.promise;
    const { stdout, stderr } = this.#child;
    if (stderr) eachLine(stderr, (line) => (this.#said = line));
    if (stdout) {
      eachLine(stdout, (line) => {
        if (line === "READY") ready.resolve();
        else this.#answer?.resolve(JSON.parse(line) as Report);
      });
    }
    this.#exited = new Promise((resolve) => {
      this.#child.once("close", () => {
        const error = new VirtError("INTERNAL", `a process of callers ended: ${this.#said}`);
        ready.reject(error);
        this.#answer?.reject(error);
        resolve();
      });
    });
  }

  async tell(order: Order): Promise<Report> {
    this.#answer = Promise.withResolvers<Report>();
    this.#child.stdin?.write(`${JSON.stringify(order)}\n`);
    return await this.#answer.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
  }
}
