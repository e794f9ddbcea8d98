import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { listeningPorts, socketsIn, tcpSocketsOf } from "./tcp-sockets.ts";

it("what the kernel's table says of a socket is its ports, its state and its inode", () => {
  const table = [
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
    "   0: 0100007F:1E61 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0000 100 0 0 10 0",
    "   1: 0100007F:D431 0100007F:1E61 02 00000001:00000000 01:00000019 00000001     0        0 12 2 0000 20 4 30 10 -1",
    "   2: 00000000000000000000000001000000:D432 00000000000000000000000001000000:1E61 01 00000000:00000000 00:00000000 00000000     0        0 13 1 0000 20 4 30 10 -1",
    "   3: 0100007F:D433 0100007F:1E61 06 00000000:00000000 03:00000F4C 00000000     0        0 0 3 0000",
    "",
  ].join("\n");
  expect(socketsIn(table)).toEqual([
    { localPort: 7777, remotePort: 0, state: "listening", inode: "11" },
    { localPort: 54321, remotePort: 7777, state: "connecting", inode: "12" },
    { localPort: 54322, remotePort: 7777, state: "connected", inode: "13" },
    { localPort: 54323, remotePort: 7777, state: "ending", inode: "0" },
  ]);
});

it("a process has its own sockets, listens while its server is there, and one that has ended has none", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const client = connect(port, "127.0.0.1");
  await once(client, "connect");
  expect(await listeningPorts()).toContain(port);
  expect(await tcpSocketsOf(process.pid)).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ remotePort: port, state: "connected" }),
      expect.objectContaining({ localPort: port, state: "listening" }),
    ]),
  );
  expect(await tcpSocketsOf(2 ** 22 + 1)).toEqual([]);
  client.destroy();
  server.close();
  await once(server, "close");
  expect(await listeningPorts()).not.toContain(port);
});
