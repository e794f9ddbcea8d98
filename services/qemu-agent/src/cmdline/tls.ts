import type { Json } from "./arguments.ts";
import { unsupported } from "./arguments.ts";
import type { Runtime } from "./runtime.ts";
import { secretObject } from "./secrets.ts";

/** What is encrypted; each has certificates of its own on the host. */
export type TlsUse = "chardev" | "nbd" | "vxhs" | "vnc" | "spice";

export interface TlsFiles {
  readonly directory: string;
  /** Whether the other side must have a certificate that this one trusts. */
  readonly verifyPeer: boolean;
  /** Whether the key is encrypted; its password is a secret of the host. */
  readonly keyEncrypted?: boolean;
}

/** The credentials object, and before it the password of its key. */
export function tlsObjects(
  runtime: Runtime,
  use: TlsUse,
  id: string,
  endpoint: "client" | "server",
  path: string,
): readonly Json[] {
  const files = runtime.tls[use];
  if (files === undefined) throw unsupported(path, `the agent has no certificates for ${use}`);
  const secret = `${id}-key`;
  return [
    ...(files.keyEncrypted === true ? [secretObject(runtime, secret)] : []),
    {
      "qom-type": "tls-creds-x509",
      id,
      dir: files.directory,
      endpoint,
      "verify-peer": files.verifyPeer,
      passwordid: files.keyEncrypted === true ? secret : undefined,
    },
  ];
}
