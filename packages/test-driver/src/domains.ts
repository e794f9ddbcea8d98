import type { Call } from "@virtmesh/core/call";
import type {
  ConsoleStream,
  DomainFacet,
  DomainInfo,
  ParsedDomain,
  Screenshot,
  XmlForm,
} from "@virtmesh/core/driver/domains";
import type { EventListener } from "@virtmesh/core/driver/events";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import { formatDomain } from "@virtmesh/documents/domain/document";
import type { Scope } from "@virtmesh/kit/scope";
import { Console } from "./console.ts";
import { type Definition, readDefinition, toDefinition } from "./definition.ts";
import { currentDefinition, type Guest, infoOf } from "./guest.ts";
import type { Hypervisor } from "./hypervisor.ts";
import { pause } from "./pause.ts";
import { picture } from "./picture.ts";
import { statsOf } from "./stats.ts";

/** Guests in memory. Every method first waits and fails as the guest's faults say. */
export class TestDomains implements DomainFacet {
  readonly #hypervisor: Hypervisor;
  readonly #scope: Scope;
  readonly #files: { textAt(path: string): string };
  /** Transient guests that could not be created: their faults count down over the attempts. */
  readonly #refused = new Map<string, Definition>();

  /** `scope` owns what goes on after a call has returned: guests that shut down. */
  constructor(hypervisor: Hypervisor, scope: Scope, files: { textAt(path: string): string }) {
    this.#hypervisor = hypervisor;
    this.#scope = scope;
    this.#files = files;
  }

  list(): readonly DomainInfo[] {
    return this.#hypervisor.list().map(infoOf);
  }

  find(ref: string): DomainInfo | undefined {
    const guest = this.#hypervisor.find(ref);
    return guest === undefined ? undefined : infoOf(guest);
  }

  stats(uuids?: readonly DomainUuid[]): ReturnType<DomainFacet["stats"]> {
    const now = Date.now();
    return this.#hypervisor
      .list()
      .filter((guest) => uuids === undefined || uuids.includes(guest.uuid))
      .map((guest) => statsOf(guest, this.#hypervisor.images, now));
  }

  subscribe(listener: EventListener): Disposable {
    return this.#hypervisor.subscribe(listener);
  }

  parse(xml: string): ParsedDomain {
    return readDefinition(xml).parsed;
  }

  async xml(uuid: DomainUuid, form: XmlForm, c: Call): Promise<string> {
    const guest = this.#hypervisor.get(uuid);
    await currentDefinition(guest).plan.before("xml", c);
    const { instance, persistent } = guest;
    const later = form.inactive || instance === undefined;
    const definition = later ? (persistent ?? instance?.definition) : instance.definition;
    if (definition === undefined) throw new VirtError("DOMAIN_NOT_FOUND", `guest "${guest.name}" is gone`);
    const model =
      later || instance === undefined ? definition.model : { ...definition.model, id: instance.id };
    return formatDomain(model, { secure: form.secure, inactive: later, migratable: form.migratable });
  }

  async define(parsed: ParsedDomain, c: Call): Promise<DomainInfo> {
    const { definition } = readDefinition(parsed.xml);
    this.#hypervisor.checkFree(parsed.uuid, parsed.name);
    const known = this.#hypervisor.find(parsed.uuid);
    if (known !== undefined) await currentDefinition(known).plan.before("define", c);
    return infoOf(this.#hypervisor.define(definition, c));
  }

  async undefine(uuid: DomainUuid, c: Call): Promise<void> {
    const guest = this.#hypervisor.get(uuid);
    if (guest.persistent === undefined) {
      throw new VirtError(
        "DOMAIN_TRANSIENT",
        `guest "${guest.name}" is transient and has no definition to remove`,
      );
    }
    await currentDefinition(guest).plan.before("undefine", c);
    this.#hypervisor.undefine(guest, c);
  }

  /** From libvirt XML in a volume, which is all that a test host keeps of a guest. */
  async register(path: string, name: string, c: Call): Promise<DomainInfo> {
    const { definition } = readDefinition(this.#files.textAt(path));
    const { model } = definition;
    if (this.#hypervisor.find(model.uuid) !== undefined) {
      throw new VirtError("DOMAIN_EXISTS", `the guest at ${path} is known already`, {
        resource: { type: "domain", name: model.name },
      });
    }
    const renamed = name === "" ? definition : toDefinition({ ...model, name });
    this.#hypervisor.checkFree(model.uuid, renamed.model.name);
    await renamed.plan.before("register", c);
    return infoOf(this.#hypervisor.define(renamed, c));
  }

  async create(parsed: ParsedDomain, options: { readonly paused: boolean }, c: Call): Promise<DomainInfo> {
    this.#hypervisor.checkFree(parsed.uuid, parsed.name);
    const known = this.#hypervisor.find(parsed.uuid);
    if (known?.instance !== undefined) throw alreadyRuns(known);
    const fresh = readDefinition(parsed.xml).definition;
    const key = `${parsed.uuid}/${fresh.etag}`;
    const definition = this.#refused.get(key) ?? fresh;
    this.#refused.set(key, definition);
    await definition.plan.before("create", c);
    this.#refused.delete(key);
    return this.#boot(definition, options, c);
  }

  async start(uuid: DomainUuid, options: { readonly paused: boolean }, c: Call): Promise<DomainInfo> {
    const guest = this.#hypervisor.get(uuid);
    if (guest.instance !== undefined || guest.persistent === undefined) throw alreadyRuns(guest);
    await currentDefinition(guest).plan.before("start", c);
    const { saved } = guest;
    if (saved === undefined) return this.#boot(guest.persistent, options, c);
    const state = saved.running && !options.paused ? "running" : "paused";
    return infoOf(this.#hypervisor.start(saved.definition, state, "restored", c));
  }

  async destroy(uuid: DomainUuid, c: Call): Promise<DomainInfo> {
    const { guest } = this.#hypervisor.running(uuid);
    await currentDefinition(guest).plan.before("destroy", c);
    this.#hypervisor.stop(guest, "destroyed", c);
    return infoOf(guest);
  }

  async shutdown(uuid: DomainUuid): Promise<void> {
    this.#ask("shutdown", uuid, (guest) => this.#hypervisor.powerOff(guest));
  }

  async reboot(uuid: DomainUuid): Promise<void> {
    this.#ask("reboot", uuid, (guest) => this.#hypervisor.reset(guest));
  }

  async reset(uuid: DomainUuid, c: Call): Promise<DomainInfo> {
    const { guest } = this.#hypervisor.running(uuid);
    await currentDefinition(guest).plan.before("reset", c);
    this.#hypervisor.reset(guest, c);
    return infoOf(guest);
  }

  async suspend(uuid: DomainUuid, c: Call): Promise<DomainInfo> {
    const { guest } = this.#hypervisor.running(uuid);
    await currentDefinition(guest).plan.before("suspend", c);
    const { instance } = this.#hypervisor.running(uuid);
    if (instance.state === "running") this.#hypervisor.pause(guest, instance, "user", c);
    return infoOf(guest);
  }

  async resume(uuid: DomainUuid, c: Call): Promise<DomainInfo> {
    const { guest } = this.#hypervisor.running(uuid);
    await currentDefinition(guest).plan.before("resume", c);
    const { instance } = this.#hypervisor.running(uuid);
    if (instance.state === "paused") this.#hypervisor.resume(guest, instance, "unpaused", c);
    return infoOf(guest);
  }

  async setAutostart(uuid: DomainUuid, autostart: boolean, c: Call): Promise<DomainInfo> {
    const guest = this.#hypervisor.get(uuid);
    if (guest.persistent === undefined) {
      throw new VirtError(
        "DOMAIN_TRANSIENT",
        `guest "${guest.name}" is transient and cannot be started by itself`,
      );
    }
    await currentDefinition(guest).plan.before("setAutostart", c);
    guest.autostart = autostart;
    return infoOf(guest);
  }

  async openConsole(
    uuid: DomainUuid,
    options: { readonly device: string; readonly force: boolean },
    c: Call,
  ): Promise<ConsoleStream> {
    const { guest, instance } = this.#hypervisor.running(uuid);
    await currentDefinition(guest).plan.before("openConsole", c);
    const { devices } = instance.definition.model;
    const count = Math.max(devices.serials.length, devices.consoles.length);
    const known = ["", ...Array.from({ length: count }, (_, i) => [`serial${i}`, `console${i}`]).flat()];
    if (count === 0 || !known.includes(options.device)) {
      const what = options.device === "" ? "no serial console" : `no console "${options.device}"`;
      throw new VirtError("DEVICE_NOT_FOUND", `guest "${guest.name}" has ${what}`);
    }
    if (instance.console !== undefined && !options.force) {
      throw new VirtError(
        "CONSOLE_BUSY",
        `the console of guest "${guest.name}" is open already; force takes it over`,
      );
    }
    instance.console?.end();
    const opened = new Console(`${guest.name} console\r\n`, () => {
      if (instance.console === opened) instance.console = undefined;
    });
    instance.console = opened;
    return opened;
  }

  async screenshot(uuid: DomainUuid, screen: number, c: Call): Promise<Screenshot> {
    const { guest, instance } = this.#hypervisor.running(uuid);
    await currentDefinition(guest).plan.before("screenshot", c);
    const heads = Math.max(1, instance.definition.model.devices.videos.length);
    if (screen >= heads) {
      throw new VirtError("DEVICE_NOT_FOUND", `guest "${guest.name}" has no screen ${screen}, only ${heads}`);
    }
    return { mimeType: "image/png", data: chunks(picture(`${guest.uuid}/${screen}`)) };
  }

  #boot(definition: Definition, options: { readonly paused: boolean }, c: Call): DomainInfo {
    return infoOf(this.#hypervisor.start(definition, options.paused ? "paused" : "running", "booted", c));
  }

  /** The call returns at once; the guest does what it was asked when it gets to it, or never. */
  #ask(method: "shutdown" | "reboot", uuid: DomainUuid, effect: (guest: Guest) => void): void {
    const { guest, instance } = this.#hypervisor.running(uuid);
    if (instance.state === "paused") {
      throw new VirtError(
        "WRONG_STATE",
        `guest "${guest.name}" is paused and cannot hear the request; resume it first`,
      );
    }
    const { plan } = instance.definition;
    plan.check(method);
    if (plan.ignores(method)) return;
    const ms = plan.delayOf(method);
    this.#scope.run(
      async (closing) => {
        const signal = AbortSignal.any([closing, instance.life.signal]);
        await pause(ms, signal);
        effect(guest);
      },
      // The guest stopped otherwise, before it got to it.
      () => undefined,
    );
  }
}

function alreadyRuns(guest: Guest): VirtError {
  return new VirtError("DOMAIN_RUNNING", `guest "${guest.name}" runs already`);
}

async function* chunks(data: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < data.length; at += 1024) yield data.subarray(at, at + 1024);
}
