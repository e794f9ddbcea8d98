import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Authority } from "./authority.ts";
import { type NatsServer, startNats } from "./nats.ts";
import { run } from "./process.ts";
import { repositoryRoot } from "./repository.ts";
import { OUTSIDE } from "./machine/machine.ts";

export interface SecuredNatsOptions {
  /** Its configuration and its store go here. */
  readonly dir: string;
  readonly authority: Authority;
  readonly address: string;
  readonly port?: number;
  /** Hosts whose agents may connect. */
  readonly agents: readonly string[];
  /** Hosts whose gateways may connect. */
  readonly gateways: readonly string[];
}

/**
 * NATS as deploy/nats sets it up for production: mutual TLS, and each process may do what its certificate's
 * name allows. Only addresses and folders are those of this run.
 */
export async function startSecuredNats(options: SecuredNatsOptions): Promise<NatsServer> {
  const { dir, authority, address } = options;
  const deploy = join(repositoryRoot(), "deploy/nats");
  await mkdir(dir, { recursive: true });
  const tls = await authority.host("hub", "nats", [address, OUTSIDE]);
  const permissions = await run([
    "bash",
    join(deploy, "agent-permissions.sh"),
    ...["--agent", ...options.agents, "--gateway", ...options.gateways],
  ]);
  await writeFile(join(dir, "permissions.conf"), permissions.stdout);
  const text = await readFile(join(deploy, "nats-server.conf"), "utf8");
  const configFile = join(dir, "nats-server.conf");
  await writeFile(
    configFile,
    text
      .replaceAll('"tls/', `"${tls}/`)
      .replace(/store_dir: .*/, `store_dir: "${join(dir, "store")}"`)
      // The server wants it once, and startNats gives it on the command line.
      .replace(/^listen: .*$/m, "")
      // The monitoring port may be taken on this computer.
      .replace(/^http: .*$/m, ""),
  );
  const server = await startNats({
    dir: join(dir, "store"),
    listen: address,
    configFile,
    storeInConfig: true,
    ...(options.port === undefined ? {} : { port: options.port }),
  });
  // The server speaks TLS by its configuration, of which startNats knows nothing; getters must go on working.
  return Object.create(server, { url: { value: `tls://${address}:${server.port}` } }) as NatsServer;
}
