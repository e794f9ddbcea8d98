import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensurePackages, HYPERV_PEER_NEEDS } from "@virtmesh/lab/apt";
import { type HypervSimulator, startHypervSimulator } from "@virtmesh/lab/hyperv-simulator";
import { run } from "@virtmesh/lab/process";

jest.setTimeout(120_000);

/** Python's clients of NTLM take MD4 from OpenSSL, which gives it only when its old algorithms are switched on. */
const LEGACY = `openssl_conf = init
[init]
providers = providers
[providers]
default = on
legacy = on
[on]
activate = 1
`;

const PEER = join(__dirname, "peer.py");

describe("the Hyper-V simulator and peers that are not of this house", () => {
  let dir = "";
  let sealed: HypervSimulator;
  let plain: HypervSimulator;
  let tls: HypervSimulator;
  beforeAll(async () => {
    await ensurePackages(HYPERV_PEER_NEEDS);
    dir = await mkdtemp(join(tmpdir(), "virtmesh-peers-"));
    await writeFile(join(dir, "openssl.cnf"), LEGACY);
    [sealed, plain, tls] = await Promise.all([
      startHypervSimulator({ transport: "sealed" }),
      startHypervSimulator({ transport: "plain" }),
      startHypervSimulator({ transport: "tls" }),
    ]);
  }, 590_000);
  afterAll(async () => {
    await Promise.all([sealed, plain, tls].map((server) => server[Symbol.asyncDispose]()));
    await rm(dir, { recursive: true, force: true });
  });

  async function ask(kind: string, server: HypervSimulator, password = server.password): Promise<unknown> {
    // Debian's own python, which has Debian's modules.
    const argv = ["/usr/bin/python3", PEER, kind, String(server.port), server.user, password];
    await writeFile(join(dir, "ca.pem"), server.ca);
    const { stdout } = await run(argv, {
      env: { OPENSSL_CONF: join(dir, "openssl.cnf"), REQUESTS_CA_BUNDLE: join(dir, "ca.pem") },
    });
    return JSON.parse(stdout);
  }

  it.each(["gss-ntlm", "gss-spnego"])("understand each other's sealed messages (%s)", async (kind) => {
    await expect(ask(kind, sealed)).resolves.toEqual({ guests: ["web-1", "db-1"] });
  });

  it.each(["gss-ntlm", "winrm-ntlm"])("lets nobody in who does not know the password (%s)", async (kind) => {
    await expect(ask(kind, sealed, "wrong")).rejects.toThrow(/not let in: 401|rejected by the server/);
  });

  it.each([
    ["its messages sealed", "winrm-ntlm", () => sealed],
    ["NTLM inside of TLS", "winrm-ntlm-tls", () => tls],
  ])("lets pywinrm open a shell, with %s", async (_, kind, server) => {
    await expect(ask(kind, server())).resolves.toEqual({
      ran: [
        ["HVHOST1\r\n", 0],
        ["", 1],
      ],
      guests: ["web-1", "db-1"],
    });
  });

  it("lets pywinrm in by Basic only where messages may be neither sealed nor encrypted", async () => {
    await expect(ask("winrm-basic", plain)).resolves.toMatchObject({ guests: ["web-1", "db-1"] });
    await expect(ask("winrm-basic", sealed)).rejects.toThrow("rejected by the server");
  });
});
