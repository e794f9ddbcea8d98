import type { IncomingMessage, ServerResponse } from "node:http";
import { VirtError } from "@virtmesh/core/errors";
import { type Credentials, isBasicOf } from "./auth/basic.ts";
import { readBody } from "./body.ts";
import type { GuestState } from "./host/guest-state.ts";
import type { Host } from "./host/host.ts";
import type { SettingsPatch } from "./host/settings.ts";

interface GuestOrder {
  readonly state: GuestState;
  /** Msvm_ComputerSystem.HealthState: 5 OK, 20 major failure, 25 critical failure. */
  readonly healthState?: number;
}

const MAX_BODY_BYTES = 1024 * 1024;

/**
 * What tests tell the simulator, and no Hyper-V has: `PUT /simulator/settings` with a part of the settings in JSON,
 * `GET /simulator/refused` for what it refused, and `PUT /simulator/guests/NAME` with `{"state":"off"}` for what
 * somebody at the host itself does.
 */
export class Control {
  readonly #host: Host;
  readonly #credentials: Credentials;

  constructor(host: Host, credentials: Credentials) {
    this.#host = host;
    this.#credentials = credentials;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request, MAX_BODY_BYTES);
    if (!isBasicOf(request.headers.authorization ?? "", this.#credentials))
      return void response.writeHead(401, { "www-authenticate": 'Basic realm="simulator"' }).end();
    const send = (status: number, answer: unknown): void =>
      void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
    try {
      const answer = this.#answer(`${request.method} ${request.url}`, body?.toString() ?? "");
      send(answer === undefined ? 404 : 200, answer ?? "there is no such thing");
    } catch (e) {
      if (!VirtError.is(e) && !(e instanceof SyntaxError)) throw e;
      send(400, e.message);
    }
  }

  #answer(what: string, body: string): unknown {
    if (what === "PUT /simulator/settings") {
      this.#host.change(JSON.parse(body) as SettingsPatch);
      return this.#host.settings();
    }
    if (what === "GET /simulator/refused") return this.#host.refused;
    const name = /^PUT \/simulator\/guests\/([^/]+)$/.exec(what)?.[1];
    if (name === undefined) return undefined;
    const { state, healthState } = JSON.parse(body) as GuestOrder;
    return this.#host.control(decodeURIComponent(name), state, healthState) ? { state } : undefined;
  }
}
