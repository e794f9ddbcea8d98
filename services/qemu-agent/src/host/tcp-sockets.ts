import { readdir, readFile, readlink } from "node:fs/promises";
import { systemCode } from "@virtmesh/core/errors";

export interface TcpSocket {
  readonly localPort: number;
  readonly remotePort: number;
  /** `connecting`: the other side has not answered yet. */
  readonly state: "listening" | "connecting" | "connected" | "ending";
  /** By which a process's descriptors name it. */
  readonly inode: string;
}

/** States of the kernel's tables (include/net/tcp_states.h). */
const STATES: Readonly<Record<string, TcpSocket["state"]>> = {
  "01": "connected",
  "02": "connecting",
  "0A": "listening",
};

/** TCP ports of this host, in the agent's network namespace, on which somebody listens: to ask them would be to connect. */
export async function listeningPorts(): Promise<ReadonlySet<number>> {
  const listening = (await tcpSockets()).filter(({ state }) => state === "listening");
  return new Set(listening.map(({ localPort }) => localPort));
}

/** Those of a process in the agent's network namespace; none when it has ended. */
export async function tcpSocketsOf(pid: number): Promise<readonly TcpSocket[]> {
  const [sockets, own] = await Promise.all([tcpSockets(), socketInodes(pid)]);
  return sockets.filter(({ inode }) => own.has(inode));
}

/** Of a table as proc_net(5) shows it. */
export function socketsIn(table: string): readonly TcpSocket[] {
  return table.split("\n").flatMap((line): readonly TcpSocket[] => {
    const [, local, remote, code, , , , , , inode] = line.trim().split(/\s+/);
    const [localPort, remotePort] = [local, remote].map((end) =>
      Number.parseInt(end?.split(":")[1] ?? "", 16),
    );
    if (localPort === undefined || remotePort === undefined || !Number.isFinite(localPort)) return [];
    return [{ localPort, remotePort, state: STATES[code ?? ""] ?? "ending", inode: inode ?? "" }];
  });
}

async function tcpSockets(): Promise<readonly TcpSocket[]> {
  const tables = await Promise.all(["tcp", "tcp6"].map((table) => read(`/proc/self/net/${table}`)));
  return tables.flatMap(socketsIn);
}

async function socketInodes(pid: number): Promise<ReadonlySet<string>> {
  const fds = await unlessGone(readdir(`/proc/${pid}/fd`), []);
  const targets = await Promise.all(fds.map((fd) => unlessGone(readlink(`/proc/${pid}/fd/${fd}`), "")));
  return new Set(targets.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []));
}

/** A kernel without IPv6 has no table of it. */
function read(path: string): Promise<string> {
  return unlessGone(readFile(path, "utf8"), "");
}

async function unlessGone<T>(found: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await found;
  } catch (e) {
    if (systemCode(e) === "ENOENT" || systemCode(e) === "ESRCH") return otherwise;
    throw e;
  }
}
