import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ownCall } from "@virtmesh/core/call";
import type { Driver } from "@virtmesh/core/driver/driver";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import type { HypervisorEvent } from "@virtmesh/core/driver/events";
import { createHypervDriver } from "@virtmesh/hyperv-agent/driver";
import { type Seed, seedFrom } from "@virtmesh/hyperv-simulator/host/seed";
import type { SettingsPatch } from "@virtmesh/hyperv-simulator/host/settings";
import { type Simulator, startSimulator } from "@virtmesh/hyperv-simulator/server";

const call = ownCall();
const { signal } = call;
export const LOGIN = { user: "Administrator", password: "Secret-1" };

interface Login {
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

interface Connected {
  readonly driver: Driver;
  readonly warnings: string[];
  readonly stateDir: string;
}

/** A driver that logs in as Windows is delivered (NTLM, sealed), and what it told. */
export class Driven implements AsyncDisposable {
  readonly driver: Driver;
  readonly warnings: string[];
  readonly events: HypervisorEvent[] = [];
  readonly #heard = new EventTarget();
  readonly #stateDir: string;

  protected constructor({ driver, warnings, stateDir }: Connected) {
    this.driver = driver;
    this.warnings = warnings;
    this.#stateDir = stateDir;
    driver.domains.subscribe((event) => {
      this.events.push(event);
      this.#heard.dispatchEvent(new Event("heard"));
    });
  }

  static async at(host: Login): Promise<Driven> {
    return new Driven(await connect(host));
  }

  /** What was told of a guest's life, as `type detail`. */
  lifeOf(name: string): string[] {
    return this.events.flatMap(({ name: of, body }) =>
      of === name && body.kind === "lifecycle" ? [`${body.type} ${body.detail}`.trim()] : [],
    );
  }

  async heard(isIt: (event: HypervisorEvent) => boolean): Promise<HypervisorEvent> {
    for (;;) {
      const found = this.events.find(isIt);
      if (found !== undefined) return found;
      await new Promise((resolve) => this.#heard.addEventListener("heard", resolve, { once: true }));
    }
  }

  async define(name: string, devices = ""): Promise<DomainInfo> {
    const { domains } = this.driver;
    return await domains.define(domains.parse(guestXml(name, devices)), call);
  }

  guest(name: string): DomainInfo {
    const found = this.driver.domains.find(name);
    if (found === undefined) throw new Error(`there is no guest ${name}`);
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.driver[Symbol.asyncDispose]();
    await rm(this.#stateDir, { recursive: true, force: true });
  }
}

/** The same with a host of its own. */
export class Fronted extends Driven {
  readonly host: Simulator;

  private constructor(connected: Connected, host: Simulator) {
    super(connected);
    this.host = host;
  }

  static async open(settings: SettingsPatch = {}, seed: Partial<Seed> = {}): Promise<Fronted> {
    const host = await startSimulator({
      ...{ seed: seedFrom({ guests: [{ name: "web", state: "running" }], ...seed }), settings },
      ...{ credentials: LOGIN, address: "127.0.0.1", port: 0 },
    });
    try {
      return new Fronted(await connect({ port: host.port, ...LOGIN }), host);
    } catch (e) {
      await host[Symbol.asyncDispose]();
      throw e;
    }
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    await this.host[Symbol.asyncDispose]();
  }
}

async function connect({ port, user, password }: Login): Promise<Connected> {
  const warnings: string[] = [];
  const nothing = (): void => undefined;
  const warn = (_: object, text?: string): void => void warnings.push(text ?? "");
  const stateDir = await mkdtemp(join(tmpdir(), "virtmesh-hyperv-"));
  try {
    const driver = await createHypervDriver({
      endpoint: { host: "127.0.0.1", port, tls: false },
      credentials: { scheme: "negotiate", user, password },
      logger: { debug: nothing, info: nothing, error: nothing, warn },
      ...{ signal, stateDir },
    });
    return { driver, warnings, stateDir };
  } catch (e) {
    await rm(stateDir, { recursive: true, force: true });
    throw e;
  }
}

export function guestXml(name: string, devices: string): string {
  return `<domain type='hyperv'>
    <name>${name}</name><memory unit='MiB'>64</memory><os firmware='efi'><type>hvm</type></os>
    <devices>${devices}</devices>
  </domain>`;
}

export function lifecycle(name: string, type: string): (event: HypervisorEvent) => boolean {
  return (event) => event.name === name && event.body.kind === "lifecycle" && event.body.type === type;
}
