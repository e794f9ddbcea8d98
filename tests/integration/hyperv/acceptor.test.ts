import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WsmanClient } from "@virtmesh/hyperv-agent/wsman/client";
import { textAt } from "@virtmesh/hyperv-agent/wsman/xml";
import { ensurePackages, HYPERV_PEER_NEEDS } from "@virtmesh/lab/apt";
import { Child } from "@virtmesh/lab/process";

jest.setTimeout(120_000);

const { signal } = new AbortController();
const USER = { user: "MESH\\alice", password: "Geheim-1" };

/** A server of MIT's GSS-API with Debian's gss-ntlmssp, written by nobody of this house. */
class Acceptor implements AsyncDisposable {
  readonly #child: Child;
  readonly #dir: string;
  readonly #port: number;

  private constructor(child: Child, dir: string, port: number) {
    this.#child = child;
    this.#dir = dir;
    this.#port = port;
  }

  static async start(kind: "ntlm" | "spnego"): Promise<Acceptor> {
    const dir = await mkdtemp(join(tmpdir(), "virtmesh-acceptor-"));
    const users = join(dir, "users");
    await writeFile(users, `MESH:alice:${USER.password}\n`);
    // Debian's own python, which has Debian's modules.
    const argv = ["/usr/bin/python3", join(__dirname, "acceptor.py"), kind];
    const child = await Child.start(argv, { name: "acceptor", cwd: dir, env: { NTLM_USER_FILE: users } });
    const [, port] = await child.line(/^listening at (\d+)$/);
    return new Acceptor(child, dir, Number(port));
  }

  client(password = USER.password): WsmanClient {
    const endpoint = { host: "127.0.0.1", port: this.#port, tls: false };
    return new WsmanClient(endpoint, { scheme: "negotiate", user: USER.user, password });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }
}

describe("our NTLM and Debian's gss-ntlmssp", () => {
  beforeAll(() => ensurePackages(HYPERV_PEER_NEEDS), 590_000);

  it.each(["ntlm", "spnego"] as const)("understand each other's sealed messages (%s)", async (kind) => {
    await using acceptor = await Acceptor.start(kind);
    using client = acceptor.client();
    for (const body of ["<p:One/>", "<p:Two/>".repeat(2_000), "<p:Ä>仮想</p:Ä>"]) {
      const answer = await client.exchange({ action: "urn:x", resourceUri: "urn:x", body }, { signal });
      expect(Number(textAt(answer, "Bytes"))).toBeGreaterThan(body.length);
      expect(textAt(answer, "User")).toContain("alice");
    }
  });

  it.each(["ntlm", "spnego"] as const)("part when the password is wrong (%s)", async (kind) => {
    await using acceptor = await Acceptor.start(kind);
    using client = acceptor.client("wrong");
    const asking = client.exchange({ action: "urn:x", resourceUri: "urn:x" }, { signal });
    await expect(asking).rejects.toMatchObject({ name: "WsmanLoginError" });
  });
});
