import { randomUUID } from "node:crypto";
import { DomainServiceService } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { HandQemu } from "../hand-qemu.ts";
import type { LibvirtDaemon } from "../libvirt/daemon.ts";
import { LibvirtSession } from "../libvirt/session.ts";
import type { OneHost } from "../one-host.ts";
import { smallGuest, smallGuestArguments } from "../small-guest.ts";

/** Somebody who starts small guests, paused, and removes them. `worker` counts those who ask at once. */
export interface Starter extends AsyncDisposable {
  readonly name: string;
  start(guest: string, worker: number): Promise<void>;
  remove(guest: string, worker: number): Promise<void>;
}

/** Each QEMU by hand, until its monitor answers. */
export class ByHand implements Starter {
  readonly name = "floor";
  readonly #dir: string;
  readonly #running = new Map<string, HandQemu>();

  constructor(dir: string) {
    this.#dir = dir;
  }

  async start(guest: string): Promise<void> {
    const args = [...smallGuestArguments(guest), "-S"];
    const qemu = await HandQemu.start({ name: guest, dir: this.#dir, args });
    this.#running.set(guest, qemu);
    await qemu.qmp.execute("query-status");
  }

  async remove(guest: string): Promise<void> {
    await this.#running.get(guest)?.[Symbol.asyncDispose]();
    this.#running.delete(guest);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const guest of this.#running.keys()) await this.remove(guest);
  }
}

/** CreateDomain through the gateway; like libvirt's connection here, without TLS. */
export class ByVirtmesh implements Starter {
  readonly name = "virtmesh";
  readonly #on: OneHost;

  constructor(on: OneHost) {
    this.#on = on;
  }

  async start(guest: string): Promise<void> {
    const { mesh, host } = this.#on;
    await mesh.unary(DomainServiceService.createDomain, {
      uri: host.uri,
      requestId: randomUUID(),
      xml: smallGuest(guest),
      paused: true,
      validateOnly: false,
    });
  }

  async remove(guest: string): Promise<void> {
    const { mesh, host } = this.#on;
    const request = { uri: host.uri, requestId: randomUUID(), domain: guest };
    await mesh.unary(DomainServiceService.destroyDomain, request);
  }

  /** Its guests go with the mesh. */
  async [Symbol.asyncDispose](): Promise<void> {}
}

/** virDomainCreateXML; a connection for everybody who asks, for one connection has at most five calls at once. */
export class ByLibvirt implements Starter {
  readonly name = "libvirt";
  readonly #session: LibvirtSession;

  private constructor(session: LibvirtSession) {
    this.#session = session;
  }

  static async open(daemon: LibvirtDaemon, workers: number): Promise<ByLibvirt> {
    const names = Array.from({ length: workers }, (_, i) => [`c${i}`, daemon.uri] as const);
    return new ByLibvirt(await LibvirtSession.open(Object.fromEntries(names), false));
  }

  async start(guest: string, worker: number): Promise<void> {
    await this.#session.call({ op: "create", host: `c${worker}`, xml: smallGuest(guest) });
  }

  async remove(guest: string, worker: number): Promise<void> {
    await this.#session.call({ op: "destroy", host: `c${worker}`, domain: guest });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }
}
