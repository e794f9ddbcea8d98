import { VirtError } from "@virtmesh/core/errors";
import { route, select, type Served } from "./route.ts";

const NOW = 1_700_000_000_000;
const qemu = (host: string, lostAtMs?: number): Served => ({
  host,
  uris: [`qemu://${host}/system`],
  ...(lostAtMs === undefined ? {} : { lostAtMs }),
});
const test = (host: string): Served => ({ host, uris: [`test://${host}/default`] });

function refusal(uri: string, agents: readonly Served[]): VirtError {
  try {
    route(uri, agents, NOW);
  } catch (e) {
    if (VirtError.is(e)) return e;
    throw e;
  }
  throw new Error(`${uri} was routed`);
}

describe("route", () => {
  it("finds the agent by scheme, host and path", () => {
    const agents = [qemu("host-a"), qemu("host-b"), test("host-a")];
    expect(route("qemu://host-b/system", agents, NOW)).toBe(agents[1]);
    expect(route("test://host-a/default", agents, NOW)).toBe(agents[2]);
  });

  it("ignores transport, user and port, which are the client's affair", () => {
    const agents = [qemu("host-a")];
    expect(route("qemu+ssh://root@host-a:22/system?no_verify=1", agents, NOW)).toBe(agents[0]);
  });

  it("takes the only host for a URI without one", () => {
    const agents = [qemu("host-a"), test("host-b")];
    expect(route("qemu:///system", agents, NOW)).toBe(agents[0]);
  });

  it("refuses a URI without a host while several serve it, and lists them", () => {
    const e = refusal("qemu:///system", [qemu("host-b"), qemu("host-a")]);
    expect(e.reason).toBe("AMBIGUOUS_HOST");
    expect(e.message).toBe(
      "qemu:///system is served by 2 hosts; name one: qemu://host-a/system, qemu://host-b/system",
    );
  });

  it("still refuses it when one of them is away, so that no command lands on the wrong host", () => {
    const e = refusal("qemu:///system", [qemu("host-a"), qemu("host-b", NOW - 12_000)]);
    expect(e.reason).toBe("AMBIGUOUS_HOST");
    expect(e.message).toContain("qemu://host-b/system (lost 12 s ago)");
  });

  it("names the schemes there are when it knows no such one", () => {
    const e = refusal("vbox://host-a/session", [qemu("host-a"), test("host-a")]);
    expect(e.reason).toBe("UNKNOWN_SCHEME");
    expect(e.message).toBe('no agent serves "vbox" connections; known here: qemu, test');
  });

  it("says so when no agent is known at all", () => {
    expect(refusal("qemu:///system", []).message).toBe(
      'no agent serves "qemu" connections; no agent is known at all',
    );
  });

  it("names near matches of an unknown host", () => {
    const e = refusal("qemu://hots-a/system", [qemu("host-a"), qemu("host-b"), qemu("zebra")]);
    expect(e.reason).toBe("UNKNOWN_HOST");
    expect(e.message).toBe("no agent serves qemu://hots-a/system; did you mean host-a");
    expect(e.context.metadata).toMatchObject({ near: "host-a" });
  });

  it("lists the hosts of the scheme when nothing is near", () => {
    expect(refusal("qemu://production/system", [qemu("host-b"), qemu("host-a")]).message).toBe(
      "no agent serves qemu://production/system; hosts that serve qemu: host-a, host-b",
    );
  });

  it("says what a known host serves when the path is wrong", () => {
    expect(refusal("qemu://host-a/session", [qemu("host-a")]).message).toBe(
      "no agent serves qemu://host-a/session; served there: qemu://host-a/system",
    );
  });

  it("says how long ago the lease of a host ended", () => {
    const e = refusal("qemu://host-a/system", [qemu("host-a", NOW - 42_300), qemu("host-b")]);
    expect(e.reason).toBe("HOST_GONE");
    expect(e.message).toBe("host-a is out of reach: its lease ended 42 s ago; its guests may well run on");
  });

  it("refuses a pattern and an empty URI where one host is meant", () => {
    expect(refusal("qemu://*/system", [qemu("host-a")]).message).toBe(
      '"qemu://*/system" names several hosts, and this call is for one; name it like qemu://host-a/system',
    );
    expect(refusal("", [qemu("host-a")]).reason).toBe("INVALID_URI");
  });

  it("refuses what is no connection URI", () => {
    expect(refusal("host-a", [qemu("host-a")]).reason).toBe("INVALID_URI");
  });
});

describe("select", () => {
  it("gives every URI that a pattern covers, with its agent", () => {
    const agents = [qemu("host-a"), test("host-a"), qemu("host-b", NOW)];
    expect(select("qemu://*/system", agents).map((s) => s.uri)).toEqual([
      "qemu://host-a/system",
      "qemu://host-b/system",
    ]);
    expect(select("*://host-a/*", agents)).toHaveLength(2);
    expect(select("", agents)).toHaveLength(3);
  });
});
