import { join } from "node:path";
import { run } from "./process.ts";
import { repositoryRoot } from "./repository.ts";

/** Role of a process in its certificate's name `spiffe://virtmesh/host/<host>/<role>`. */
export type Role = "agent" | "gateway" | "nats";

/** A folder with `ca.pem`, `cert.pem` and `key.pem`: what `--tls-dir` takes. */
export type TlsFolder = string;

/** A certificate authority that lives as long as its folder, made by deploy/tls/virtmesh-pki.sh. */
export class Authority {
  readonly dir: string;
  readonly #script: string;

  private constructor(dir: string, script: string) {
    this.dir = dir;
    this.#script = script;
  }

  static async make(dir: string): Promise<Authority> {
    const authority = new Authority(dir, join(repositoryRoot(), "deploy/tls/virtmesh-pki.sh"));
    await authority.#run(["authority", dir]);
    return authority;
  }

  /** For a process of the mesh, good for serving at these addresses and for calling. */
  async host(host: string, role: Role, addresses: readonly string[]): Promise<TlsFolder> {
    const out = join(this.dir, `${host}-${role}`);
    await this.#run(["host", this.dir, out, host, role, ...addresses]);
    return out;
  }

  /** For somebody who calls. */
  async user(name: string): Promise<TlsFolder> {
    const out = join(this.dir, `user-${name}`);
    await this.#run(["user", this.dir, out, name]);
    return out;
  }

  async #run(args: readonly string[]): Promise<void> {
    await run(["bash", this.#script, ...args], { env: { DAYS: "30" } });
  }
}
