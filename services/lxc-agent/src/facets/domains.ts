import type { Call } from "@virtmesh/core/call";
import type {
  ConsoleStream,
  DomainFacet,
  DomainInfo,
  DomainStats,
  ParsedDomain,
  XmlForm,
} from "@virtmesh/core/driver/domains";
import type { EventListener } from "@virtmesh/core/driver/events";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import { completeDomain } from "@virtmesh/documents/domain/complete";
import { formatDomain, parseDomain } from "@virtmesh/documents/domain/document";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { Container } from "../containers/container.ts";
import type { Containers } from "../containers/containers.ts";
import { configOf } from "../containers/launch.ts";
import { listens, signalsOf } from "../containers/init.ts";
import type { CgroupVersion } from "../native/limits.ts";
import { checkContainer } from "../native/to-native.ts";
import { statsOf } from "./stats.ts";

type OpenConsole = (
  container: Container,
  options: { readonly device: string; readonly force: boolean },
) => Promise<ConsoleStream>;

export class LxcDomains implements DomainFacet {
  readonly #containers: Containers;
  readonly #openConsole: OpenConsole;
  readonly #cgroup: CgroupVersion;

  constructor(containers: Containers, openConsole: OpenConsole, cgroup: CgroupVersion) {
    this.#containers = containers;
    this.#openConsole = openConsole;
    this.#cgroup = cgroup;
  }

  list(): readonly DomainInfo[] {
    return this.#containers.all().map((container) => container.info);
  }

  find(ref: string): DomainInfo | undefined {
    return this.#containers.find(ref)?.info;
  }

  stats(uuids?: readonly DomainUuid[]): readonly DomainStats[] {
    const chosen =
      uuids === undefined ? this.#containers.all() : uuids.flatMap((u) => this.#containers.get(u) ?? []);
    return chosen.map(statsOf);
  }

  subscribe(listener: EventListener): Disposable {
    return this.#containers.events.subscribe(listener);
  }

  parse(xml: string): ParsedDomain {
    const read = parseDomain(xml);
    checkContainer(read);
    const { definition, uuidGenerated } = completeDomain(read);
    // Everything that LXC could refuse is refused here, with its place.
    configOf(definition, {}, this.#cgroup);
    const { uuid, name } = definition;
    return { uuid, name, uuidGenerated, xml: formatDomain(definition, { secure: true, inactive: true }) };
  }

  async xml(uuid: DomainUuid, form: XmlForm, _c: Call): Promise<string> {
    const { run, persistent, definition } = this.#containers.require(uuid);
    if (form.inactive) return formatDomain(persistent ?? definition, form);
    return formatDomain(run === undefined ? definition : { ...definition, id: run.id }, form);
  }

  async define(parsed: ParsedDomain, c: Call): Promise<DomainInfo> {
    return (await this.#containers.define(definitionOf(parsed), c)).info;
  }

  async undefine(uuid: DomainUuid, c: Call): Promise<void> {
    const container = this.#containers.require(uuid);
    if (container.persistent === undefined) throw transient(container, "has no definition to remove");
    await this.#containers.undefine(container, c);
  }

  async create(parsed: ParsedDomain, options: { readonly paused: boolean }, c: Call): Promise<DomainInfo> {
    const definition = definitionOf(parsed);
    this.#containers.checkFree(definition.uuid, definition.name);
    const known = this.#containers.get(definition.uuid);
    return await this.#start(known ?? this.#containers.candidate(definition), definition, options, c);
  }

  async start(uuid: DomainUuid, options: { readonly paused: boolean }, c: Call): Promise<DomainInfo> {
    const container = this.#containers.require(uuid);
    return await this.#start(container, container.persistent ?? container.definition, options, c);
  }

  async destroy(uuid: DomainUuid, c: Call): Promise<DomainInfo> {
    const container = this.#containers.require(uuid);
    await this.#containers.destroy(container, c);
    return container.info;
  }

  async shutdown(uuid: DomainUuid, c: Call): Promise<void> {
    const container = this.#listening(uuid);
    await this.#ask(container, (await signalsOf(container.definition)).halt, c);
  }

  async reboot(uuid: DomainUuid, c: Call): Promise<void> {
    const container = this.#listening(uuid);
    await this.#ask(container, (await signalsOf(container.definition)).reboot, c);
  }

  async suspend(uuid: DomainUuid, c: Call): Promise<DomainInfo> {
    const container = this.#containers.require(uuid);
    if (container.running.standing.state !== "paused")
      await this.#containers.during(container, c, () => this.#containers.freeze(container, c));
    return container.info;
  }

  async resume(uuid: DomainUuid, c: Call): Promise<DomainInfo> {
    const container = this.#containers.require(uuid);
    if (container.running.standing.state !== "running")
      await this.#containers.during(container, c, () => this.#containers.thaw(container, c));
    return container.info;
  }

  async setAutostart(uuid: DomainUuid, autostart: boolean, _c: Call): Promise<DomainInfo> {
    const container = this.#containers.require(uuid);
    if (container.persistent === undefined) throw transient(container, "cannot be started by itself");
    await this.#containers.setAutostart(container, autostart);
    return container.info;
  }

  async openConsole(
    uuid: DomainUuid,
    options: { readonly device: string; readonly force: boolean },
    _c: Call,
  ): Promise<ConsoleStream> {
    return await this.#openConsole(this.#containers.require(uuid), options);
  }

  async #start(
    container: Container,
    definition: IdentifiedDomain,
    options: { readonly paused: boolean },
    c: Call,
  ): Promise<DomainInfo> {
    if (container.run !== undefined) {
      throw new VirtError("DOMAIN_RUNNING", `container "${container.name}" runs already`, {
        resource: { type: "domain", name: container.name },
      });
    }
    await this.#containers.start(container, definition, options, c);
    return container.info;
  }

  /** @throws GUEST_REFUSED when its first process does not listen to that */
  async #ask(container: Container, signal: number, c: Call): Promise<void> {
    const { pid } = container.running.init;
    if (await listens(pid, signal, c.signal)) return this.#containers.signal(container, signal);
    throw new VirtError(
      "GUEST_REFUSED",
      `the first process of container "${container.name}" does not listen to signal ${signal}; destroy it, or end it from within`,
      { resource: { type: "domain", name: container.name } },
    );
  }

  /** One that can hear a request. @throws DOMAIN_NOT_RUNNING, WRONG_STATE */
  #listening(uuid: DomainUuid): Container {
    const container = this.#containers.require(uuid);
    if (container.running.standing.state !== "paused") return container;
    throw new VirtError(
      "WRONG_STATE",
      `container "${container.name}" is frozen and cannot hear the request; resume it first`,
      { resource: { type: "domain", name: container.name } },
    );
  }
}

function definitionOf(parsed: ParsedDomain): IdentifiedDomain {
  return completeDomain(parseDomain(parsed.xml)).definition;
}

function transient(container: Container, what: string): VirtError {
  return new VirtError("DOMAIN_TRANSIENT", `container "${container.name}" is transient and ${what}`, {
    resource: { type: "domain", name: container.name },
  });
}
