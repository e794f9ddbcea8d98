import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { QmpConnection, type QmpOptions } from "./connection.ts";
import type { QmpError } from "./errors.ts";

const GREETING =
  '{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, "capabilities": ["oob"]}}\r\n';

interface Request {
  readonly execute?: string;
  readonly "exec-oob"?: string;
  readonly id: number;
}

/** A monitor that a test scripts: what to write for each command after the negotiation. */
class Monitor implements AsyncDisposable {
  static async listen(answer: (request: Request, socket: Socket) => void, first = ""): Promise<Monitor> {
    const folder = await mkdtemp(join(tmpdir(), "qmp-"));
    const monitor = new Monitor(folder, answer, first);
    await new Promise<void>((resolve) => monitor.#server.listen(monitor.path, resolve));
    return monitor;
  }

  readonly path: string;
  readonly asked: string[] = [];
  readonly #folder: string;
  readonly #server: Server;
  readonly #sockets: Socket[] = [];

  private constructor(folder: string, answer: (request: Request, socket: Socket) => void, first: string) {
    this.#folder = folder;
    this.path = join(folder, "qmp.sock");
    this.#server = createServer((socket) => {
      this.#sockets.push(socket);
      socket.write(GREETING);
      socket.on("data", (data) => {
        for (const line of data.toString().trim().split("\n")) {
          const request = JSON.parse(line) as Request;
          this.asked.push(request.execute ?? request["exec-oob"] ?? "");
          if (request.execute === "qmp_capabilities")
            socket.write(`{"return": {}, "id": ${request.id}}\r\n${first}`);
          else answer(request, socket);
        }
      });
    });
  }

  open(options: Partial<QmpOptions> = {}): Promise<QmpConnection> {
    return QmpConnection.open({ path: this.path, ...options });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.#folder, { recursive: true });
  }
}

const failure = (promise: Promise<unknown>): Promise<QmpError> =>
  promise.then(
    () => Promise.reject(new Error("it did not fail")),
    (e: QmpError) => e,
  );
const stop = (seconds: number) =>
  `{"event": "STOP", "timestamp": {"seconds": ${seconds}, "microseconds": 250000}}\r\n`;

describe("a QMP connection", () => {
  it("negotiates, and gives the answer to the command that it belongs to", async () => {
    const held: Request[] = [];
    await using monitor = await Monitor.listen((request, socket) => {
      held.push(request);
      if (held.length < 2) return;
      for (const { id, execute } of held.reverse()) socket.write(`{"return": "${execute}", "id": ${id}}\r\n`);
    });
    using qmp = await monitor.open();
    const answers = await Promise.all([qmp.execute("query-status"), qmp.execute("query-kvm")]);
    expect(answers).toEqual(["query-status", "query-kvm"]);
    expect(qmp.version.qemu.major).toBe(7);
  });

  it("hands events on in their order, before the answer that follows them", async () => {
    await using monitor = await Monitor.listen(({ id }, socket) => {
      socket.write(`${stop(1)}${stop(2)}{"return": {}, "id": ${id}}\r\n${stop(3)}`);
    });
    using qmp = await monitor.open();
    const seen: (number | string)[] = [];
    using _ = qmp.onEvent((event) => seen.push(event.timeMs));
    await qmp.execute("stop").then(() => seen.push("answer"));
    expect(seen).toEqual([1250, 2250, 3250, "answer"]);
  });

  it("hears what comes together with the end of the negotiation when it was opened with a listener", async () => {
    await using monitor = await Monitor.listen(() => undefined, stop(7));
    const seen: number[] = [];
    using _ = await monitor.open({ onEvent: ({ timeMs }) => seen.push(timeMs) });
    expect(seen).toEqual([7250]);
  });

  it("reads a line however it is cut", async () => {
    await using monitor = await Monitor.listen(({ id }, socket) => {
      socket.setNoDelay(true);
      for (const c of `{"return": "ä", "id": ${id}}\r\n`) socket.write(c);
    });
    using qmp = await monitor.open();
    expect(await qmp.execute("query-status")).toBe("ä");
  });

  it("carries QEMU's class and sentence when QEMU refuses", async () => {
    await using monitor = await Monitor.listen(({ id }, socket) =>
      socket.write(`{"id": ${id}, "error": {"class": "DeviceNotFound", "desc": "Device 'x' not found"}}\r\n`),
    );
    using qmp = await monitor.open();
    const e = await failure(qmp.execute("blockdev-del", { "node-name": "x" }));
    expect(e).toMatchObject({
      failure: "refused",
      command: "blockdev-del",
      errorClass: "DeviceNotFound",
      desc: "Device 'x' not found",
    });
    expect(qmp.isOpen).toBe(true);
  });

  it("fails every waiting command when QEMU goes away", async () => {
    await using monitor = await Monitor.listen(({ execute }, socket) => {
      if (execute === "cont") socket.destroy();
    });
    using qmp = await monitor.open();
    const both = await Promise.all([failure(qmp.execute("query-status")), failure(qmp.execute("cont"))]);
    expect(both.map((e) => [e.failure, e.command])).toEqual([
      ["closed", "query-status"],
      ["closed", "cont"],
    ]);
    expect((await qmp.closed).failure).toBe("closed");
    expect((await failure(qmp.execute("stop"))).failure).toBe("closed");
  });

  it.each([
    ["truncated", '{"return": {"status"'],
    ["not JSON", '{"return": }\r\n'],
    ["neither an answer nor an event", "{}\r\n"],
  ])("calls an answer %s a protocol error that names the command", async (what, text) => {
    await using monitor = await Monitor.listen((_, socket) => socket.end(text));
    using qmp = await monitor.open();
    const e = await failure(qmp.execute("query-status"));
    expect(e).toMatchObject({ failure: "protocol", command: "query-status" });
    expect(e.message).toContain(what);
    expect((await qmp.closed).failure).toBe("protocol");
  });

  it("takes no line that is longer than the limit", async () => {
    await using monitor = await Monitor.listen(({ id }, socket) =>
      socket.write(`{"return": "${"x".repeat(2000)}", "id": ${id}}\r\n`),
    );
    using qmp = await monitor.open({ maxLineBytes: 1000 });
    expect(await failure(qmp.execute("query-status"))).toMatchObject({ failure: "protocol" });
  });

  it("ends the waiting at a timeout or an abort, and takes the late answer without harm", async () => {
    const late: (() => void)[] = [];
    await using monitor = await Monitor.listen(({ id, execute }, socket) => {
      const answer = () => socket.write(`{"return": {}, "id": ${id}}\r\n`);
      if (execute === "query-kvm") for (const send of [...late, answer]) send();
      else late.push(answer);
    });
    using qmp = await monitor.open();
    const gaveUp = new AbortController();
    const aborted = failure(qmp.execute("stop", undefined, { signal: gaveUp.signal }));
    gaveUp.abort();
    expect((await aborted).failure).toBe("aborted");
    expect((await failure(qmp.execute("cont", undefined, { timeoutMs: 1 }))).failure).toBe("timeout");
    await expect(qmp.execute("query-kvm")).resolves.toEqual({});
  });

  it("never lets more commands wait in QEMU than leave room for one out of band", async () => {
    const held: Request[] = [];
    await using monitor = await Monitor.listen((request, socket) => {
      if (request["exec-oob"] === undefined) held.push(request);
      else for (const { id } of [...held, request]) socket.write(`{"return": {}, "id": ${id}}\r\n`);
      if (held.length > 6) socket.write(`{"return": {}, "id": ${request.id}}\r\n`);
    });
    using qmp = await monitor.open();
    const all = Array.from({ length: 8 }, () => qmp.execute("query-status"));
    await qmp.execute("yank", { instances: [{ type: "migration" }] }, { outOfBand: true });
    await Promise.all(all);
    expect(monitor.asked.indexOf("yank")).toBe(7);
  });

  it("tells its observer of every command and its end", async () => {
    await using monitor = await Monitor.listen(({ id }, socket) =>
      socket.write(`{"id": ${id}, "error": {"class": "GenericError", "desc": "no"}}\r\n`),
    );
    const seen: string[] = [];
    using qmp = await monitor.open({
      observe: (command) => {
        seen.push(command);
        return (error) => seen.push(`${command} ${error?.desc ?? "ok"}`);
      },
    });
    await failure(qmp.execute("cont"));
    expect(seen).toEqual(["qmp_capabilities", "qmp_capabilities ok", "cont", "cont no"]);
  });

  it("fails to open where nobody listens", async () => {
    expect((await failure(QmpConnection.open({ path: "/nowhere/qmp.sock" }))).failure).toBe("closed");
  });
});
