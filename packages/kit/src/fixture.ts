import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { MethodDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import { connect } from "./grpc-client.ts";
import { type GrpcServer, startServer } from "./grpc-server.ts";
import { createLogger } from "./logger.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import type { Scope } from "./scope.ts";
import type { Telemetry } from "./telemetry.ts";
import { type TlsFiles, tlsFrom } from "./tls.ts";

/** What the tests of this package share: a small service over real sockets, and certificates. */
export interface Message {
  readonly text: string;
  readonly requestId?: string;
}

const encode = (message: Message): Buffer => Buffer.from(JSON.stringify(message));
const decode = (bytes: Buffer): Message => JSON.parse(bytes.toString()) as Message;

function method(
  name: string,
  requestStream: boolean,
  responseStream: boolean,
): MethodDefinition<Message, Message> {
  return {
    path: `/kit.test.Echo/${name}`,
    requestStream,
    responseStream,
    requestSerialize: encode,
    requestDeserialize: decode,
    responseSerialize: encode,
    responseDeserialize: decode,
  };
}

export const Echo = {
  say: method("Say", false, false),
  tell: method("Tell", false, true),
  hear: method("Hear", true, false),
  talk: method("Talk", true, true),
};

export interface Served {
  readonly server: GrpcServer;
  readonly metrics: Metrics;
  /** The log lines so far, parsed. */
  readonly log: Record<string, unknown>[];
}

/** An Echo server on a free port of the loopback, owned by the scope. */
export async function serve(
  scope: Scope,
  implementation: UntypedServiceImplementation,
  more: {
    readonly listen?: string;
    readonly tls?: TlsFiles;
    readonly telemetry?: Telemetry;
    readonly graceMs?: number;
  } = {},
): Promise<Served> {
  const log: Record<string, unknown>[] = [];
  const metrics = createMetrics({ service: "echo", host: "host-a" });
  const server = await startServer({
    listen: "127.0.0.1:0",
    services: [{ definition: Echo, implementation }],
    logger: createLogger({
      service: "echo",
      to: { write: (line) => void log.push(JSON.parse(line) as Record<string, unknown>) },
    }),
    metrics,
    signal: scope.signal,
    ...more,
  });
  return { server: scope.own(server), metrics, log };
}

/** A server and a channel to it. */
export async function serveAndConnect(scope: Scope, implementation: UntypedServiceImplementation) {
  const served = await serve(scope, implementation);
  return { ...served, channel: scope.own(connect(served.server.address)) };
}

/** A certificate authority in a temporary directory, out of openssl. */
export class TestAuthority implements AsyncDisposable {
  readonly dir: string;

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async create(): Promise<TestAuthority> {
    const authority = new TestAuthority(await mkdtemp(join(tmpdir(), "virtmesh-kit-")));
    await authority.#openssl(
      "req",
      "-x509",
      ...NEW_KEY,
      "-keyout",
      "ca.key",
      "-out",
      "ca.pem",
      "-days",
      "2",
      "-subj",
      "/CN=test ca",
    );
    return authority;
  }

  /** A certificate with a common name and, as openssl writes them, alternative names: `DNS:a,URI:b`. */
  async issue(name: string, alternatives: string): Promise<TlsFiles> {
    const file = (end: string): string => `${name}.${end}`;
    await this.#openssl(
      "req",
      ...NEW_KEY,
      "-keyout",
      file("key"),
      "-out",
      file("csr"),
      "-subj",
      `/CN=${name}`,
    );
    await writeFile(join(this.dir, file("ext")), `subjectAltName=${alternatives}\n`);
    await this.#openssl(
      ...["x509", "-req", "-in", file("csr"), "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"],
      ...["-days", "2", "-extfile", file("ext"), "-out", file("crt")],
    );
    const read = (path: string): Promise<string> => readFile(join(this.dir, path), "utf8");
    return { ca: await read("ca.pem"), cert: await read(file("crt")), key: await read(file("key")) };
  }

  /** Writes an identity the way `tlsFrom` reads it, and reads it. */
  async stored(files: TlsFiles): Promise<TlsFiles> {
    const write = (name: string, text: string): Promise<void> => writeFile(join(this.dir, name), text);
    await Promise.all([
      write("ca.pem", files.ca),
      write("cert.pem", files.cert),
      write("key.pem", files.key),
    ]);
    return tlsFrom(this.dir);
  }

  async #openssl(...args: readonly string[]): Promise<void> {
    await promisify(execFile)("openssl", args, { cwd: this.dir });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
