import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Call, ownCall } from "@virtmesh/core/call";
import type { HypervisorEvent } from "@virtmesh/core/driver/events";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import { silentLogger } from "@virtmesh/mesh/logger";
import { createQemuDriver, type QemuDriver, type QemuDriverConfig } from "@virtmesh/qemu-agent/driver";
import type { InstanceStatus } from "@virtmesh/qemu-agent/state/instance-status";

/** A call of somebody, who waits however long a file of tests takes. */
export const call: Call = { ...ownCall(), actor: "tester", requestId: "r1" };

/** An event in a few words: `started booted`, `ioError`, with a star when it was reconciled. */
export function short({ body, reconciled }: HypervisorEvent): string {
  const words = body.kind === "lifecycle" ? `${body.type} ${body.detail}` : body.kind;
  return reconciled === true ? `${words}*` : words;
}

/** One host with real QEMU, in a directory of its own. Its guests end with it. */
export class QemuHostFixture implements AsyncDisposable {
  static async open(config: Partial<QemuDriverConfig> = {}): Promise<QemuHostFixture> {
    const host = new QemuHostFixture(await mkdtemp(join(tmpdir(), "vm-")), config);
    await host.start();
    return host;
  }

  readonly dir: string;
  readonly events: HypervisorEvent[] = [];
  readonly #config: Partial<QemuDriverConfig>;
  readonly #heard = new EventTarget();
  #driver: QemuDriver | undefined;

  private constructor(dir: string, config: Partial<QemuDriverConfig>) {
    this.dir = dir;
    this.#config = config;
  }

  get driver(): QemuDriver {
    if (this.#driver === undefined) throw new Error("the agent is stopped");
    return this.#driver;
  }

  get domains(): QemuDriver["domains"] & Required<Pick<QemuDriver["domains"], Extras>> {
    return this.driver.domains as QemuDriver["domains"] & Required<Pick<QemuDriver["domains"], Extras>>;
  }

  /** As an agent that is started. */
  async start(): Promise<void> {
    this.#driver = await createQemuDriver({
      stateDir: join(this.dir, "state"),
      runDir: join(this.dir, "run"),
      hostName: "host-a",
      dataAddress: "127.0.0.1",
      vncPorts: { first: 15900, last: 15999 },
      logger: silentLogger,
      signal: new AbortController().signal,
      ...this.#config,
    });
    this.domains.subscribe((event) => {
      this.events.push(event);
      this.#heard.dispatchEvent(new Event("heard"));
    });
  }

  /** As an agent that ends: its guests go on. */
  async stop(): Promise<void> {
    await this.#driver?.[Symbol.asyncDispose]();
    this.#driver = undefined;
  }

  define(xml: string): Promise<DomainUuid> {
    return this.domains.define(this.domains.parse(xml), call).then(({ uuid }) => uuid);
  }

  /** Events of all guests so far, in a few words. */
  told(): string[] {
    return this.events.map(short);
  }

  /** Waits until an event with these words has come. */
  async until(words: string, signal = AbortSignal.timeout(30_000)): Promise<void> {
    while (!this.told().includes(words)) {
      await new Promise<void>((resolve, reject) => {
        this.#heard.addEventListener("heard", () => resolve(), { once: true });
        signal.addEventListener("abort", () =>
          reject(new VirtError("DEADLINE", `no event "${words}", only ${this.told().join(", ")}`)),
        );
      });
    }
  }

  /** What is written down of running guests. */
  async statuses(): Promise<readonly InstanceStatus[]> {
    const dir = join(this.dir, "run", "qemu");
    const names = await readdir(dir).catch(() => []);
    const texts = await Promise.all(
      names.map((name) => readFile(join(dir, name, "status.json"), "utf8").catch(() => "")),
    );
    return texts.filter((text) => text !== "").map((text) => JSON.parse(text) as InstanceStatus);
  }

  /** Pid of QEMU of the only running guest. */
  async pid(): Promise<number> {
    const [status] = await this.statuses();
    if (status?.process === undefined) throw new Error("no guest runs");
    return status.process.pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#driver === undefined) await this.start();
    for (const { uuid, startTimeMs } of this.domains.list()) {
      if (startTimeMs > 0) await this.domains.destroy(uuid, call);
    }
    await this.stop();
    await rm(this.dir, { recursive: true, force: true });
  }
}

type Extras =
  | "create"
  | "shutdown"
  | "reboot"
  | "reset"
  | "suspend"
  | "resume"
  | "setAutostart"
  | "openConsole"
  | "screenshot";

/** A guest without a disk: its firmware looks for one for ever. */
export function guestXml(name: string, devices = "", more = ""): string {
  return `<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
    <name>${name}</name>
    <memory unit='MiB'>32</memory>
    <os><type arch='x86_64' machine='q35'>hvm</type></os>
    <features><acpi/></features>
    <devices>${devices}</devices>
    ${more}
  </domain>`;
}

export async function failure(work: Promise<unknown>): Promise<VirtError> {
  try {
    await work;
  } catch (e) {
    if (VirtError.is(e)) return e;
    throw e;
  }
  throw new Error("it did not fail");
}
