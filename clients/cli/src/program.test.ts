import { parseCommandLine, UsageEnd } from "./program.ts";
import { globalsFrom } from "./run.ts";
import { VERBS } from "./verbs/all.ts";

function parse(...words: string[]) {
  let out = "";
  let err = "";
  const streams = {
    stdout: { write: (t: unknown) => !!(out += String(t)) },
    stderr: { write: (t: unknown) => !!(err += String(t)) },
  };
  try {
    return { ...parseCommandLine(VERBS, words, streams), out, err, exitCode: undefined };
  } catch (e) {
    if (e instanceof UsageEnd)
      return { out, err, exitCode: e.exitCode, verb: undefined, given: undefined, globals: {} };
    throw e;
  }
}

describe("the command line", () => {
  it("takes the global options before and after the verb", () => {
    expect(globalsFrom(parse("-c", "test:///default", "list", "--json").globals, {})).toMatchObject({
      connect: "test:///default",
      json: true,
      gateway: "localhost:7770",
      timeoutMs: 30_000,
    });
  });

  it("takes what is not said from the environment", () => {
    const env = {
      VIRTMESH_URI: "qemu://*/system",
      VIRTMESH_GATEWAY: "gw:1",
      VIRTMESH_TLS_DIR: "/etc/virtmesh",
    };
    expect(globalsFrom({}, env)).toMatchObject({
      connect: "qemu://*/system",
      gateway: "gw:1",
      tlsDir: "/etc/virtmesh",
    });
    expect(globalsFrom({ connect: "test:///default" }, env).connect).toBe("test:///default");
  });

  it("gives --timeout to the verb that has one, and to the calls before the verb", () => {
    const { globals, given } = parse("--timeout", "5", "migrate", "a", "b", "--timeout", "60");
    expect(globalsFrom(globals, {}).timeoutMs).toBe(5000);
    expect(given?.number("timeout")).toBe(60);
  });

  it("ends with 2 for a mistake, and says what was meant", () => {
    expect(parse("strat", "web-1")).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining("Did you mean start?"),
    });
    expect(parse("start")).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining("missing required argument 'domain'"),
    });
    expect(parse("event", "--event", "nonsense")).toMatchObject({ exitCode: 2 });
  });

  it("ends with 0 for help", () => {
    expect(parse("migrate", "--help")).toMatchObject({
      exitCode: 0,
      out: expect.stringContaining("--copy-storage-all"),
    });
    expect(parse("--help").out).toContain("Fleet:");
  });

  it("has every verb of virsh under its name, with a summary", () => {
    for (const verb of VERBS) {
      expect(verb.name).toMatch(/^[a-z][a-z-]*$/);
      expect(verb.summary).toMatch(/^[a-z].*[^.]$/);
    }
    expect(new Set(VERBS.map((verb) => verb.name)).size).toBe(VERBS.length);
  });
});
