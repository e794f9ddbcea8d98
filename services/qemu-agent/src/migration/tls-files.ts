import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { MigrationId } from "@virtmesh/core/ids";
import type { QmpConnection } from "../qmp/connection.ts";

/**
 * The group ffdhe2048 of RFC 7919. Without parameters QEMU makes new ones for every server object
 * (crypto/tlscreds.c), which holds its main loop, and so the migration, for 0.2 to 3 s.
 */
const DH_PARAMETERS = `-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
`;

/**
 * QEMU wants the certificates of an endpoint under fixed names in one directory (docs/system/tls.rst); the mesh's
 * are `ca.pem`, `cert.pem` and `key.pem`. @returns the directory with links to them and
 * with parameters for Diffie-Hellman.
 */
export async function linkTlsFiles(runDir: string, tlsDir: string): Promise<string> {
  const dir = join(runDir, "tls");
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const links = {
    "ca-cert.pem": "ca.pem",
    "server-cert.pem": "cert.pem",
    "server-key.pem": "key.pem",
    "client-cert.pem": "cert.pem",
    "client-key.pem": "key.pem",
  };
  for (const [name, file] of Object.entries(links)) {
    await rm(join(dir, name), { force: true });
    await symlink(join(tlsDir, file), join(dir, name));
  }
  const parameters = join(dir, "dh-params.pem");
  await writeFile(`${parameters}.new`, DH_PARAMETERS);
  await rename(`${parameters}.new`, parameters);
  return dir;
}

export function tlsObjectId(id: MigrationId): string {
  return `tls-${id}`;
}

/** Both sides check the other's certificate. */
export async function addTlsObject(
  qmp: QmpConnection,
  id: MigrationId,
  endpoint: "server" | "client",
  dir: string,
): Promise<string> {
  const object = tlsObjectId(id);
  await qmp.execute("object-add", {
    "qom-type": "tls-creds-x509",
    id: object,
    endpoint,
    dir,
    "verify-peer": true,
  });
  return object;
}
