import { KeptDomains, parsedOf } from "@virtmesh/agent/guests/kept-domains";
import type { Call } from "@virtmesh/core/call";
import type { ConsoleStream, DomainInfo, DomainStats, ParsedDomain } from "@virtmesh/core/driver/domains";
import type { DomainUuid } from "@virtmesh/core/ids";
import { completeDomain } from "@virtmesh/documents/domain/complete";
import { parseDomain } from "@virtmesh/documents/domain/document";
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

export class LxcDomains extends KeptDomains<Container, Containers> {
  readonly #openConsole: OpenConsole;
  readonly #cgroup: CgroupVersion;

  constructor(containers: Containers, openConsole: OpenConsole, cgroup: CgroupVersion) {
    super(containers);
    this.#openConsole = openConsole;
    this.#cgroup = cgroup;
  }

  parse(xml: string): ParsedDomain {
    const read = parseDomain(xml);
    checkContainer(read);
    const { definition, uuidGenerated } = completeDomain(read);
    // Everything that LXC could refuse is refused here, with its place.
    configOf(definition, {}, this.#cgroup);
    return parsedOf(definition, uuidGenerated);
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
    const container = this.guests.require(uuid);
    if (container.running.standing.state !== "paused")
      await this.guests.during(container, c, () => this.guests.freeze(container, c));
    return container.info;
  }

  async resume(uuid: DomainUuid, c: Call): Promise<DomainInfo> {
    const container = this.guests.require(uuid);
    if (container.running.standing.state !== "running")
      await this.guests.during(container, c, () => this.guests.thaw(container, c));
    return container.info;
  }

  async openConsole(
    uuid: DomainUuid,
    options: { readonly device: string; readonly force: boolean },
    _c: Call,
  ): Promise<ConsoleStream> {
    return await this.#openConsole(this.guests.require(uuid), options);
  }

  protected statsOf(container: Container): DomainStats {
    return statsOf(container);
  }

  /** @throws GUEST_REFUSED when its first process does not listen to that */
  async #ask(container: Container, signal: number, c: Call): Promise<void> {
    const { pid } = container.running.init;
    if (await listens(pid, signal, c.signal)) return this.guests.signal(container, signal);
    throw container.error(
      "GUEST_REFUSED",
      `has a first process that does not listen to signal ${signal}; destroy it, or end it from within`,
    );
  }

  /** One that can hear a request. @throws DOMAIN_NOT_RUNNING, WRONG_STATE */
  #listening(uuid: DomainUuid): Container {
    const container = this.guests.require(uuid);
    if (container.running.standing.state !== "paused") return container;
    throw container.error("WRONG_STATE", "is frozen and cannot hear the request; resume it first");
  }
}
