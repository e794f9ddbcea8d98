import fc from "fast-check";
import { type LxcRecord, RECORD_BYTES, RecordReader } from "./records.ts";
import { excessOf, fnv1a, monitorSocket } from "./sockets.ts";
import { errorsIn, reasonIn } from "./tools.ts";

function record(type: number, name: string, value: number): Buffer {
  const bytes = Buffer.alloc(RECORD_BYTES);
  bytes.writeInt32LE(type, 0);
  bytes.write(name, 4);
  bytes.writeInt32LE(value, 260);
  return bytes;
}

describe("records of lxc-monitord", () => {
  it("are read however the stream is cut, and those of other kinds are left out", () => {
    const all = [record(0, "web", 2), record(1, "web", 9), record(2, "web", 256), record(0, "db", 6)];
    const expected: LxcRecord[] = [
      { kind: "state", container: "web", state: "RUNNING" },
      { kind: "exit", container: "web", status: 256 },
      { kind: "state", container: "db", state: "FROZEN" },
    ];
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: all.length * RECORD_BYTES })), (cuts) => {
        const bytes = Buffer.concat(all);
        const places = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
        const reader = new RecordReader();
        const read = places.slice(1).flatMap((end, i) => [...reader.read(bytes.subarray(places[i], end))]);
        expect(read).toEqual(expected);
      }),
    );
  });
});

describe("names of LXC's sockets", () => {
  it("are hashed as FNV-1a hashes", () => {
    expect(fnv1a(Buffer.from("")).toString(16)).toBe("cbf29ce484222325");
    expect(fnv1a(Buffer.from("foobar")).toString(16)).toBe("85944171f73967e8");
  });

  it("are those that lxc-monitord makes", () => {
    expect(monitorSocket("/srv/lxc/p")).toBe(
      `\0lxc/${fnv1a(Buffer.from("lxc//srv/lxc/p/monitor-sock")).toString(16)}//srv/lxc/p`,
    );
  });

  it("have no room for a long path", () => {
    expect(excessOf("/run/virtmesh/lxc-agent/lxc", 36)).toBe(0);
    expect(excessOf(`/run/${"x".repeat(80)}`, 36)).toBe(23);
  });
});

describe("what LXC's tools say", () => {
  it("is told without where in LXC it was said", () => {
    const text =
      "lxc-start: web: ../src/lxc/start.c: start: 1 The container failed\nlxc-start: web: ../src/lxc/tools/lxc_start.c: main: 309 Additional information can be obtained by setting the --logfile\n";
    expect(reasonIn(text)).toBe("The container failed");
    expect(reasonIn("lxc-stop: web: ../src/lxc/tools/lxc_stop.c: main: 168 web is not running\n")).toBe(
      "web is not running",
    );
  });

  it("is found among the errors of its log, each once", () => {
    const log =
      "lxc-start w 2026 DEBUG    seccomp - ../src/lxc/seccomp.c:parse:1 - fine\nlxc-start w 2026 ERROR    conf - ../src/lxc/conf.c:mount:2 - No such file - Failed to mount\nlxc-start w 2026 ERROR    conf - ../src/lxc/conf.c:mount:2 - No such file - Failed to mount\n";
    expect(errorsIn(log)).toBe("No such file - Failed to mount");
  });
});
