import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from "node:tls";
import { messageOf, systemCode, VirtError } from "@virtmesh/core/errors";
import { peerIdentity, type TlsFiles } from "@virtmesh/kit/tls";

/** libvirt's range, which firewalls know. */
const FIRST_PORT = 49152;
const LAST_PORT = 49215;
const DIAL_MS = 10_000;

/** Ends, by name, a connection that may carry a guest's memory. */
export interface LinkSecurity {
  readonly files: TlsFiles;
  /** The host that must be at the other end. */
  readonly peer: string;
}

export interface Door {
  /** `tcp:10.0.0.2:49152` */
  readonly address: string;
  close(): void;
}

/**
 * Opens a door for one guest at the first free port. An address that this machine does not have itself leads to it by
 * something in between: then the door is open at all that it has. @throws LIMIT_REACHED, HOST_SETUP
 */
export async function openDoor(
  address: string,
  security: LinkSecurity | undefined,
  onSocket: (socket: Socket) => void,
): Promise<Door> {
  const server = security === undefined ? createServer(onSocket) : secured(security, onSocket);
  // Who does not get through the handshake is none of ours.
  server.on("tlsClientError", () => undefined);
  let host: string | undefined = address;
  for (let port = FIRST_PORT; port <= LAST_PORT; ) {
    try {
      server.listen({ port, exclusive: true, ...(host === undefined ? {} : { host }) });
      await once(server, "listening");
      return { address: `tcp:${bracketed(address)}:${port}`, close: () => void server.close() };
    } catch (e) {
      if (systemCode(e) === "EADDRNOTAVAIL" && host !== undefined) host = undefined;
      else if (systemCode(e) === "EADDRINUSE") port += 1;
      else throw new VirtError("HOST_SETUP", `no guest can come to ${address}: ${messageOf(e)}`);
    }
  }
  throw new VirtError(
    "LIMIT_REACHED",
    `no port between ${FIRST_PORT} and ${LAST_PORT} is free for a guest that comes to ${address}`,
  );
}

function secured({ files, peer }: LinkSecurity, onSocket: (socket: Socket) => void): Server {
  const options = { ...files, requestCert: true, rejectUnauthorized: true };
  return createTlsServer(options, (socket: TLSSocket) => {
    const { host, role } = peerIdentity(socket.getPeerCertificate()) ?? {};
    if (host === peer && role === "agent") onSocket(socket);
    else socket.destroy();
  });
}

/** @throws MIGRATION_FAILED when nobody is there, or somebody else */
export async function dial(
  address: string,
  security: LinkSecurity | undefined,
  signal: AbortSignal,
): Promise<Socket> {
  const [, bare = "", port = ""] = /^tcp:\[?(.+?)\]?:(\d+)$/.exec(address) ?? [];
  const where = { host: bare, port: Number(port) };
  const socket =
    security === undefined
      ? connect(where)
      : connectTls({ ...where, ...security.files, servername: security.peer });
  try {
    await once(socket, security === undefined ? "connect" : "secureConnect", {
      signal: AbortSignal.any([signal, AbortSignal.timeout(DIAL_MS)]),
    });
    return socket;
  } catch (e) {
    socket.destroy();
    signal.throwIfAborted();
    throw new VirtError(
      "MIGRATION_FAILED",
      `the destination takes no memory at ${address}; its ports ${FIRST_PORT} to ${LAST_PORT} must be open for this host: ${messageOf(e)}`,
      {},
      { cause: e },
    );
  }
}

function bracketed(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}
