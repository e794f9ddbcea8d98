import { connect } from "node:tls";
import { messageOf } from "@virtmesh/core/errors";
import { WsmanCertificateError, WsmanConnectionError } from "./errors.ts";
import { addressOf, type Endpoint } from "./http.ts";

const CONNECT_MS = 30_000;

/**
 * The endpoint with the server's own certificate as the one that is trusted, when it has the SHA-256 given (lower case
 * hex). Nothing is sent before that is known. @throws WsmanCertificateError, WsmanConnectionError
 */
export async function pinned(
  endpoint: Endpoint,
  fingerprint: string,
  signal: AbortSignal,
): Promise<Endpoint> {
  const { host, port } = endpoint;
  const address = addressOf(endpoint);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(CONNECT_MS)]);
  // What it presents is compared by us.
  const socket = connect({
    host,
    port,
    rejectUnauthorized: false,
    ...(isName(host) ? { servername: host } : {}),
  });
  const { promise, resolve, reject } = Promise.withResolvers<Endpoint>();
  const stop = (): void => reject(limit.reason);
  limit.addEventListener("abort", stop, { once: true });
  socket.on("error", (cause) =>
    reject(new WsmanConnectionError(`${address} cannot be reached: ${messageOf(cause)}`, { cause })),
  );
  socket.on("secureConnect", () => {
    const certificate = socket.getPeerX509Certificate();
    const found = certificate?.fingerprint256.replaceAll(":", "").toLowerCase();
    if (certificate !== undefined && found === fingerprint)
      resolve({ ...endpoint, ca: certificate.toString(), pinned: true });
    else
      reject(
        new WsmanCertificateError(
          `the certificate of ${address} has the fingerprint ${found}, expected was ${fingerprint}`,
        ),
      );
  });
  try {
    return await promise;
  } finally {
    limit.removeEventListener("abort", stop);
    socket.destroy();
  }
}

/** Addresses are no server names (RFC 6066, 3). */
function isName(host: string): boolean {
  return !/^[\d.]+$|:/.test(host);
}
