import { createServer, type Server } from "node:net";
import { once } from "node:events";
import { commandSocket } from "./sockets.ts";
import { askInitPid, askState } from "./command.ts";

/** What a monitor sends: `int ret; int length; void *data`. */
function answerOf(ret: number, data: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeInt32LE(ret, 0);
  bytes.writeInt32LE(data, 8);
  return bytes;
}

/** A monitor that gives these answers, one a connection, then closes each without any. */
async function monitor(answers: Buffer[]): Promise<{ path: string; server: Server }> {
  const path = `/lxc-${crypto.randomUUID()}`;
  const server = createServer((socket) => {
    socket.once("data", () => socket.end(answers.shift() ?? ""));
  });
  server.listen(commandSocket(path, "web"));
  await once(server, "listening");
  return { path, server };
}

describe("asking a container's monitor", () => {
  it("is done again when it came before LXC could know who asks", async () => {
    const { path, server } = await monitor([answerOf(-1, 0), answerOf(-1, 0), answerOf(0, 4711)]);
    using _closed = { [Symbol.dispose]: () => void server.close() };
    expect(await askInitPid(path, "web")).toBe(4711);
  });

  it("tells a container whose monitor ends instead of answering from one that runs", async () => {
    const { path, server } = await monitor([answerOf(0, 2)]);
    using _closed = { [Symbol.dispose]: () => void server.close() };
    expect(await askState(path, "web")).toBe("RUNNING");
    expect(await askState(path, "web")).toBe("STOPPED");
    expect(await askInitPid(path, "nobody")).toBeUndefined();
  });
});
