import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { PeerCertificate } from "node:tls";
import { type ChannelCredentials, credentials, ServerCredentials } from "@grpc/grpc-js";
import { VirtError } from "@virtmesh/core/errors";
import { type HostName, hostName } from "@virtmesh/core/ids";

/** The PEM texts (not paths) of one process's identity and of the authority that it trusts. */
export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Reads `ca.pem`, `cert.pem` and `key.pem` of a directory. Throws HOST_SETUP naming the file that is not readable. */
export async function tlsFrom(dir: string): Promise<TlsFiles> {
  const read = async (name: string): Promise<string> => {
    const path = join(dir, name);
    try {
      return await readFile(path, "utf8");
    } catch (cause) {
      throw new VirtError(
        "HOST_SETUP",
        `cannot read ${path}, a TLS directory needs ca.pem, cert.pem and key.pem`,
        {},
        { cause },
      );
    }
  };
  const [ca, cert, key] = await Promise.all([read("ca.pem"), read("cert.pem"), read("key.pem")]);
  return { ca, cert, key };
}

/** Mutual TLS: a client without a certificate of our authority does not get past the handshake. */
export function serverCredentials(tls: TlsFiles | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const pair = { cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) };
  return ServerCredentials.createSsl(Buffer.from(tls.ca), [pair], true);
}

export function channelCredentials(tls: TlsFiles | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  return credentials.createSsl(Buffer.from(tls.ca), Buffer.from(tls.key), Buffer.from(tls.cert));
}

/** Who a certificate speaks for. */
export interface PeerIdentity {
  /** `host/<host>/<role>` for a process of the mesh, else the common name. */
  readonly name: string;
  /** The host that the certificate names; only this host may it speak for. */
  readonly host?: HostName;
  /** What the process is: `agent`, `gateway`, ... */
  readonly role?: string;
}

const SPIFFE = /^spiffe:\/\/virtmesh\/host\/([^/]+)\/([^/]+)$/;

/**
 * The identity in a verified client certificate: its URI name `spiffe://virtmesh/host/<host>/<role>`, else its
 * common name; undefined when it has neither. Throws NOT_AUTHENTICATED for a mesh name that is not a host name.
 */
export function peerIdentity(
  certificate: Pick<PeerCertificate, "subject" | "subjectaltname">,
): PeerIdentity | undefined {
  for (const uri of uriNames(certificate.subjectaltname ?? "")) {
    const match = SPIFFE.exec(uri);
    if (match?.[1] === undefined || match[2] === undefined) continue;
    const host = checkedHost(match[1], uri);
    return { name: `host/${host}/${match[2]}`, host, role: match[2] };
  }
  // Node gives a list when a certificate repeats the attribute; the types do not say so.
  const names: unknown = certificate.subject?.CN;
  const name: unknown = Array.isArray(names) ? names[0] : names;
  return typeof name === "string" && name !== "" ? { name } : undefined;
}

function checkedHost(text: string, uri: string): HostName {
  try {
    return hostName(text);
  } catch (cause) {
    throw new VirtError(
      "NOT_AUTHENTICATED",
      `the certificate name ${uri} names no valid host`,
      {},
      { cause },
    );
  }
}

/**
 * The URI entries of Node's text form of subjectAltName. Entries with special characters come JSON-quoted, and
 * a quoted entry may contain what looks like another one, so the text is read entry by entry from its start.
 */
function uriNames(text: string): string[] {
  const entry = /([^:]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/gy;
  const uris: string[] = [];
  for (const [, type, value = ""] of text.matchAll(entry)) {
    if (type === "URI") uris.push(value.startsWith('"') ? String(JSON.parse(value)) : value);
  }
  return uris;
}
