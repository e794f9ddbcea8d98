import {
  createServer as createHttp,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createHttps } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Credentials } from "./auth/basic.ts";
import { Gate } from "./auth/gate.ts";
import { Control } from "./control.ts";
import { Host } from "./host/host.ts";
import type { Seed } from "./host/seed.ts";
import type { SettingsPatch } from "./host/settings.ts";
import { Service } from "./wsman/service.ts";

export interface SimulatorOptions {
  readonly seed: Seed;
  readonly settings?: SettingsPatch;
  readonly credentials: Credentials;
  readonly address: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** PEM; with it HTTPS is spoken. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** What Windows calls AllowUnencrypted, and Basic; both are off there as it is delivered. */
  readonly allowUnencrypted?: boolean;
  readonly allowBasic?: boolean;
}

/** A running simulator. */
export interface Simulator extends AsyncDisposable {
  readonly host: Host;
  readonly port: number;
}

/** Lets guests migrate between hosts, which know each other by their names. */
export function introduce(simulators: readonly Simulator[]): void {
  for (const { host } of simulators) {
    for (const { host: other } of simulators)
      if (other !== host) host.neighbours.set(other.seed.hostName, other);
  }
}

export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const host = new Host(options.seed, options.settings);
  const gate = new Gate({
    credentials: options.credentials,
    hostName: options.seed.hostName,
    isEncrypted: options.tls !== undefined,
    allowUnencrypted: options.allowUnencrypted ?? false,
    allowBasic: options.allowBasic ?? true,
    onRefusal: (why) => void host.refused.push(why),
  });
  const service = new Service(host, gate);
  const control = new Control(host, options.credentials);
  const take = (request: IncomingMessage, response: ServerResponse): void => {
    const { pathname } = new URL(request.url ?? "/", "http://host");
    const serve = pathname.startsWith("/simulator/") ? control : service;
    serve.handle(request, response).catch((e: unknown) => {
      response.destroy(e instanceof Error ? e : new Error(String(e)));
    });
  };
  const server = options.tls === undefined ? createHttp(take) : createHttps(options.tls, take);
  const sockets = new Set<Socket>();
  server.on(options.tls === undefined ? "connection" : "secureConnection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    // Whoever is gone is not to be told.
    socket.on("error", () => socket.destroy());
  });
  // As long as HTTP.sys: an identity by NTLM ends with its connection.
  server.keepAliveTimeout = 120_000;
  await listen(server, options.address, options.port);
  return {
    host,
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      host[Symbol.dispose]();
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
}

function listen(server: Server, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
