import { mkdtempDisposableSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig, duration, integer, list, oneOf, pairs, size, text, toggle } from "./config.ts";

const config = defineConfig(
  {
    listen: {
      flag: "listen",
      env: "VIRTMESH_LISTEN",
      help: "where to serve gRPC",
      type: text,
      default: "127.0.0.1:7443",
    },
    host: { flag: "host", env: "VIRTMESH_HOST", help: "the name of this host", type: text, required: true },
    slots: { flag: "slots", env: "VIRTMESH_SLOTS", help: "migrations at once", type: integer(1, 64) },
    level: {
      flag: "log-level",
      env: "VIRTMESH_LOG_LEVEL",
      help: "how much to log",
      type: oneOf("info", "debug"),
      default: "info",
    },
    debug: { flag: "debug", env: "VIRTMESH_DEBUG", help: "more checks", type: toggle, default: false },
    nats: { flag: "nats", env: "VIRTMESH_NATS", help: "NATS servers", type: list, default: [] },
    labels: { flag: "labels", env: "VIRTMESH_LABELS", help: "labels of the host", type: pairs },
    limit: { flag: "limit", env: "VIRTMESH_LIMIT", help: "bytes a second", type: size, default: 0n },
    grace: { flag: "grace", env: "VIRTMESH_GRACE", help: "time to end", type: duration, default: 10_000 },
  },
  { name: "virtmesh-test", version: "1.2.3", summary: "a program for tests" },
);

describe("configuration", () => {
  it("takes flags before variables before defaults", () => {
    const values = config.parse(["--host", "a", "--slots=4"], {
      VIRTMESH_HOST: "b",
      VIRTMESH_SLOTS: "5",
      VIRTMESH_GRACE: "2m",
    });
    expect(values).toMatchObject({
      host: "a",
      slots: 4,
      grace: 120_000,
      listen: "127.0.0.1:7443",
      debug: false,
    });
  });

  it("has the types of its options", () => {
    const values = config.parse(["--host", "a"], {});
    const typed: {
      host: string;
      slots: number | undefined;
      level: "info" | "debug";
      nats: readonly string[];
    } = values;
    expect(typed.slots).toBeUndefined();
  });

  it("reads lists, pairs and switches", () => {
    const argv = ["--host", "a", "--nats", "n1:4222, n2:4222", "--labels", "zone=z1,rack=7", "--debug"];
    expect(config.parse(argv, {})).toMatchObject({
      nats: ["n1:4222", "n2:4222"],
      labels: { zone: "z1", rack: "7" },
      debug: true,
    });
  });

  it("takes a switch back on the command line", () => {
    expect(config.parse(["--host", "a", "--no-debug"], { VIRTMESH_DEBUG: "true" }).debug).toBe(false);
  });

  it.each([
    ["4096", 4096n],
    ["512K", 512n << 10n],
    ["10G", 10n << 30n],
  ])("reads %s as %s bytes", (text, bytes) => {
    expect(config.parse(["--host", "a", "--limit", text], {}).limit).toBe(bytes);
  });

  it("takes an empty variable as unset", () => {
    expect(config.parse(["--host", "a"], { VIRTMESH_SLOTS: "" }).slots).toBeUndefined();
  });

  it.each([
    [["--host", "a", "--slots", "65"], {}, '--slots is "65", write a whole number from 1 to 64'],
    [
      ["--host", "a"],
      { VIRTMESH_LOG_LEVEL: "loud" },
      'VIRTMESH_LOG_LEVEL is "loud", write one of info, debug',
    ],
    [
      ["--host", "a", "--grace", "ten"],
      {},
      '--grace is "ten", write a length of time such as 250ms, 10s, 5m or 1h',
    ],
    [
      ["--host", "a", "--limit", "1.5G"],
      {},
      '--limit is "1.5G", write a number of bytes such as 512K, 100M or 10G',
    ],
    [[], {}, "--host or VIRTMESH_HOST is missing: the name of this host"],
    [["--hots", "a"], {}, "Unknown option '--hots'; see --help"],
    [["--host", "a", "stray"], {}, "stray"],
  ])("refuses %j %j and says why", (argv, env, message) => {
    expect(() => config.parse(argv, env)).toThrow(message);
  });

  it("prints help and version instead of running", () => {
    expect(() => config.parse(["--version"], {})).toThrow("virtmesh-test 1.2.3");
    expect(() => config.parse(["--help"], {})).toThrow(
      /--slots <value> .*migrations at once; a whole number from 1 to 64; VIRTMESH_SLOTS/,
    );
    expect(config.help()).toContain(
      "--host <value>       the name of this host; a text; required; VIRTMESH_HOST",
    );
  });
});

describe("a configuration file", () => {
  const withFile = (content: string, check: (path: string) => void): void => {
    using dir = mkdtempDisposableSync(join(tmpdir(), "virtmesh-config-"));
    const path = join(dir.path, "config.json");
    writeFileSync(path, content);
    check(path);
  };

  it("comes after flags and variables, with JSON values", () => {
    withFile(`{"host": "f", "slots": 7, "debug": true, "nats": ["n1"], "labels": {"zone": "z"}}`, (path) => {
      expect(config.parse(["--config", path], { VIRTMESH_SLOTS: "8" })).toMatchObject({
        host: "f",
        slots: 8,
        debug: true,
        nats: ["n1"],
        labels: { zone: "z" },
      });
      expect(config.parse([], { VIRTMESH_CONFIG: path }).slots).toBe(7);
    });
  });

  it.each([
    [`{"hots": "f"}`, "has unknown keys hots; known are listen, host"],
    [`{"host": "f", "slots": 0}`, '"slots" in the configuration file is "0", write a whole number'],
    [`[]`, "must hold a JSON object"],
    [`{`, "cannot be read"],
  ])("is refused as %s with the reason", (content, message) => {
    withFile(content, (path) => expect(() => config.parse(["--config", path], {})).toThrow(message));
  });
});
