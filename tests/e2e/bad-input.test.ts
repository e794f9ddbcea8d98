import { randomUUID } from "node:crypto";
import {
  type Domain,
  DomainServiceService as D,
  DomainState,
  type ListDomainsRequest,
  type OpenConsoleRequest,
} from "@virtmesh/api/gen/virtmesh/v1/domain";
import { MigrateDomainRequest, MigrationServiceService } from "@virtmesh/api/gen/virtmesh/v1/migration";
import { AgentState, FleetServiceService } from "@virtmesh/api/gen/virtmesh/v1/agent";
import type { Reason } from "@virtmesh/core/errors";
import { bidiCall } from "@virtmesh/kit/grpc-client";
import type { MeshHost } from "@virtmesh/lab/launcher";
import { type RunningMesh, startMesh } from "@virtmesh/lab/mesh";
import { Guests, guestsSeen, refusal, short, smallGuestXml, Watching } from "./guests.ts";

const MIB = 2 ** 20;
const ROOT = '<domain type="qemu">';
const BOMB = `<!DOCTYPE domain [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>${ROOT}<name>&b;</name></domain>`;

describe("what callers get wrong, through the gateway", () => {
  let mesh: RunningMesh;
  let a: MeshHost;
  let guests: Guests;
  let before: readonly string[];
  beforeAll(async () => {
    mesh = await startMesh({ hosts: ["host-a", "host-b", "host-c"] });
    const [first] = mesh.hosts;
    if (first === undefined) throw new Error("the mesh has no host");
    a = first;
    guests = new Guests(mesh, a.uri);
    await guests.define(smallGuestXml("steady", { devices: '<serial type="pty"/>' }));
    await guests.start("steady");
    before = (await guestsSeen(mesh)).map(inOneLine);
  }, 120_000);
  // Whatever was refused has changed nothing.
  afterEach(async () => expect((await guestsSeen(mesh)).map(inOneLine)).toEqual(before), 60_000);
  afterAll(() => mesh[Symbol.asyncDispose](), 120_000);

  const list = (request: Partial<ListDomainsRequest>): Promise<unknown> =>
    mesh.unary(D.listDomains, { uri: "", pageSize: 0, pageToken: "", filter: "", orderBy: "", ...request });

  /** Refused for this reason, in words that say where and what to do. */
  async function expectRefusal(work: Promise<unknown>, reason: Reason, words: RegExp): Promise<void> {
    const error = await refusal(work);
    expect({ reason: error.reason, message: error.message }).toEqual({
      reason,
      message: expect.stringMatching(words),
    });
  }

  describe("a definition", () => {
    const named = (name: string): string => smallGuestXml(name);
    it.each<[string, () => string, Reason, RegExp]>([
      ["that is empty", () => "", "XML_SYNTAX", /must contain a root element at .*line 1/],
      [
        "with a tag that is not closed",
        () => `${ROOT}\n<name>x</nam>\n</domain>`,
        "XML_SYNTAX",
        /not well-formed.*line 2/,
      ],
      ["that is cut off", () => `${ROOT}\n<name>x</name>`, "XML_SYNTAX", /not well-formed.*line 2/],
      [
        "that nests too deep",
        () => `${ROOT}${"<a>".repeat(5_000)}${"</a>".repeat(5_000)}</domain>`,
        "XML_LIMIT",
        /nests deeper than 64.*line 1/,
      ],
      [
        "of 5 MiB",
        () => `${ROOT}<name>${"x".repeat(5 * MIB)}</name></domain>`,
        "XML_LIMIT",
        /has 52\d+ characters, at most 1048576/,
      ],
      [
        "with a DTD and entities",
        () => BOMB,
        "XML_FORBIDDEN",
        /document type definition is not allowed.*line 1/,
      ],
      [
        "with an external entity",
        () => `<!DOCTYPE d SYSTEM "file:///etc/passwd">${ROOT}</domain>`,
        "XML_FORBIDDEN",
        /document type definition/,
      ],
      ["with an entity nobody declared", () => `${ROOT}\n<name>&x;</name></domain>`, "XML_SYNTAX", /line 2/],
      [
        "with an element that nobody knows",
        () =>
          smallGuestXml("odd", { devices: '\n<disk type="file">\n<frobnicate/><target dev="vda"/></disk>' }),
        "XML_UNKNOWN",
        /frobnicate.*line 7/,
      ],
      ["of something else", () => "<network><name>x</name></network>", "XML_INVALID", /network.*line 1/],
      ["with a slash in its name", () => named("a/b"), "INVALID_NAME", /"a\/b" must not contain "\/"/],
      [
        "with a name of 300 characters",
        () => named("n".repeat(300)),
        "INVALID_NAME",
        /at most 250 bytes, .* has 300/,
      ],
      ["with an empty name", () => named(""), "INVALID_NAME", /must not be empty/],
      ["called ..", () => named(".."), "INVALID_NAME", /cannot be called "\.\."/],
    ])("%s is refused with its place", async (_, xml, reason, words) => {
      await expectRefusal(guests.define(xml()), reason, words);
      await expectRefusal(guests.create(xml()), reason, words);
    });

    it("that no message can hold is refused with how much one can hold", async () => {
      await expectRefusal(
        guests.define("x".repeat(17 * MIB)),
        "LIMIT_REACHED",
        /DefineDomain has more than 16777216 bytes.*send less/,
      );
    });

    it("with a disk that is not there is taken, and the guest does not start without it", async () => {
      const disk = '<disk type="file"><source file="/nowhere/at/all.raw"/><target dev="vda"/></disk>';
      await guests.define(smallGuestXml("diskless", { devices: disk }));
      await expectRefusal(
        guests.start("diskless"),
        "FILE_NOT_FOUND",
        /^disk vda of guest "diskless": \/nowhere\/at\/all\.raw does not exist; make the image/,
      );
      expect((await guests.get("diskless")).state).toBe(DomainState.DOMAIN_STATE_SHUTOFF);
      await guests.undefine("diskless");
    });
  });

  it("two guests of one name defined at once are one guest", async () => {
    for (let round = 0; round < 5; round++) {
      const uuids = [randomUUID(), randomUUID()];
      const outcomes = await Promise.allSettled(
        uuids.map((uuid) => guests.define(smallGuestXml("twin", { uuid }))),
      );
      const won = outcomes.flatMap((o) => (o.status === "fulfilled" ? [o.value.uuid] : []));
      const lost = outcomes.flatMap((o) => (o.status === "rejected" ? [o.reason as unknown] : []));
      expect(won).toHaveLength(1);
      expect(lost).toEqual([
        expect.objectContaining({ reason: "DOMAIN_EXISTS", message: expect.stringContaining(won[0] ?? "") }),
      ]);
      expect((await guests.get("twin")).uuid).toBe(won[0]);
      await guests.undefine("twin");
    }
  }, 150_000);

  it("one guest defined on two hosts at once is on one of them", async () => {
    const b = mesh.hosts[1];
    if (b === undefined) throw new Error("the mesh has no second host");
    for (let round = 0; round < 5; round++) {
      const xml = smallGuestXml("split", { uuid: randomUUID() });
      const outcomes = await Promise.allSettled(
        [a.uri, b.uri].map((uri) => new Guests(mesh, uri).define(xml)),
      );
      const [won, ...more] = outcomes.flatMap((o) => (o.status === "fulfilled" ? [o.value] : []));
      const lost = outcomes.flatMap((o) => (o.status === "rejected" ? [o.reason as unknown] : []));
      if (won === undefined) throw new Error("nobody got it");
      expect(more).toEqual([]);
      expect(lost).toEqual([
        expect.objectContaining({
          reason: "RUN_TOKEN_ELSEWHERE",
          message: expect.stringContaining(won.host),
        }),
      ]);
      expect((await guestsSeen(mesh)).filter((d) => d.name === "split").map((d) => d.uri)).toEqual([won.uri]);
      await new Guests(mesh, won.uri).undefine("split");
    }
  }, 150_000);

  it("the same request sent several times has one effect, also over a restart of the agent", async () => {
    await using watching = new Watching(mesh, { domain: "again" });
    await watching.synced();
    const [defining, starting] = [randomUUID(), randomUUID()];
    const xml = smallGuestXml("again");
    const [one, two] = await Promise.all([guests.define(xml, defining), guests.define(xml, defining)]);
    expect(two).toEqual(one);
    const start = { paused: true, requestId: starting };
    const [first, second] = await Promise.all([guests.start("again", start), guests.start("again", start)]);
    expect(second).toEqual(first);
    expect(await guests.start("again", start)).toEqual(first);

    await a.agent.kill("SIGKILL");
    await a.agent.restart();
    await mesh.complete();
    expect(await guests.start("again", start)).toEqual(first);
    expect(await guests.define(xml, defining)).toEqual(one);
    await guests.destroy("again");
    // The answer of then: it is not started anew.
    expect(await guests.start("again", start)).toEqual(first);
    expect((await guests.get("again")).state).toBe(DomainState.DOMAIN_STATE_SHUTOFF);
    await expectRefusal(
      guests.start("again", { ...start, paused: false }),
      "REQUEST_ID_REUSED",
      new RegExp(`"${starting}" was used before .*make a new one`),
    );
    await guests.undefine("again");
    expect((await watching.until((e) => short(e).startsWith("again undefined"))).map(short)).toEqual([
      "again defined added",
      "again started booted",
      "again suspended paused",
      "again stopped destroyed",
      "again undefined removed",
    ]);
  }, 150_000);

  describe("a connection", () => {
    const get = (uri: string): Promise<unknown> => new Guests(mesh, uri).get("steady");
    it.each<[string, string, Reason, RegExp]>([
      ["to a host nobody knows", "qemu://production/system", "UNKNOWN_HOST", /host-a, host-b, host-c/],
      ["to a host that is mistyped", "qemu://hots-a/system", "UNKNOWN_HOST", /did you mean host-a/],
      ["to a path nobody serves", "qemu://host-a/session", "UNKNOWN_HOST", /qemu:\/\/host-a\/system/],
      ["of a kind nobody serves", "vbox://host-a/session", "UNKNOWN_SCHEME", /"vbox".*known here: qemu/],
      [
        "that could be any host",
        "qemu:///system",
        "AMBIGUOUS_HOST",
        /served by 3 hosts; name one: qemu:\/\/host-a/,
      ],
      ["to several hosts", "qemu://*/system", "INVALID_URI", /names several hosts.*qemu:\/\/host-a\/system/],
      ["that is empty", "", "INVALID_URI", /is empty.*qemu:\/\/host-a\/system/],
      ["that is none", "host-a", "INVALID_URI", /"host-a" is not a connection URI.*qemu:\/\/host-a\/system/],
    ])("%s is refused with those there are", async (_, uri, reason, words) => {
      await expectRefusal(get(uri), reason, words);
    });

    it("to a host whose agent is dead is refused at once, and the host is named as missing in lists", async () => {
      const c = mesh.hosts[2];
      if (c === undefined) throw new Error("the mesh has no third host");
      await c.agent.kill("SIGKILL");
      await expectRefusal(get(c.uri), "HOST_GONE", /host-c/);
      await untilLost(mesh, c.name);
      await expectRefusal(
        get(c.uri),
        "HOST_GONE",
        /^host-c is out of reach: its lease ended \d+ s ago; its guests may well run on$/,
      );
      expect(await list({})).toMatchObject({ unreachable: [c.uri] });
      await c.agent.restart();
      await mesh.complete();
      await expectRefusal(get(c.uri), "DOMAIN_NOT_FOUND", /"steady".*host-c/);
    }, 150_000);
  });

  describe("a list", () => {
    it.each<[string, Partial<ListDomainsRequest>, Reason, RegExp]>([
      [
        "with a filter for no field",
        { filter: 'colour = "red"' },
        "INVALID_FILTER",
        /"colour".*name, uuid, state/,
      ],
      [
        "with a filter that breaks off",
        { filter: "name =" },
        "INVALID_FILTER",
        /after "name =" a value must follow/,
      ],
      ["by an order there is not", { orderBy: "colour" }, "INVALID_FIELD", /colour.*name/],
      ["behind a page nobody gave out", { pageToken: "nonsense" }, "INVALID_PAGE_TOKEN", /page token/],
      ["of less than nothing", { pageSize: -1 }, "INVALID_FIELD", /-1 .*page_size must not be negative/],
    ])("%s is refused with what there is", async (_, request, reason, words) => {
      for (const uri of ["", a.uri]) await expectRefusal(list({ uri, ...request }), reason, words);
    });
  });

  it("a guest that is not there is named with its host", async () => {
    await expectRefusal(guests.get("nobody"), "DOMAIN_NOT_FOUND", /"nobody".*host-a/);
    await expectRefusal(guests.destroy(randomUUID()), "DOMAIN_NOT_FOUND", /host-a/);
  });

  it("a console is given to one reader, who keeps it", async () => {
    const abort = new AbortController();
    const signal = AbortSignal.any([abort.signal, AbortSignal.timeout(30_000)]);
    const read = (): Promise<unknown> =>
      bidiCall(mesh.channel, D.openConsole, opening(a.uri, signal), { signal }).next();
    const busy = /"steady" is open already; force takes it over/;
    // The guest is silent: of two who read, only one who is refused hears anything.
    await expectRefusal(Promise.race([read(), read()]), "CONSOLE_BUSY", busy);
    await expectRefusal(read(), "CONSOLE_BUSY", busy);
    abort.abort();
  }, 150_000);

  describe("a migration", () => {
    const migrate = (change: Partial<MigrateDomainRequest>): Promise<unknown> =>
      mesh.unary(MigrationServiceService.migrateDomain, {
        ...MigrateDomainRequest.fromPartial({}),
        ...{ uri: a.uri, requestId: randomUUID(), domain: "steady" },
        ...change,
      });
    it.each<[string, Partial<MigrateDomainRequest>, Reason, RegExp]>([
      ["to nowhere", {}, "INVALID_FIELD", /destination_uri: say where to, such as qemu:\/\/host-b\/system/],
      [
        "to a host nobody knows",
        { destinationUri: "qemu://production/system" },
        "UNKNOWN_HOST",
        /production.*other qemu hosts are host-b, host-c/,
      ],
      [
        "to its own host",
        { destinationUri: "qemu://host-a/system" },
        "MIGRATION_BLOCKED",
        /"steady" cannot be migrated: the guest is on host-a already/,
      ],
      [
        "to several hosts",
        { destinationUri: "qemu://*/system" },
        "INVALID_URI",
        /names several hosts.*qemu:\/\/host-b\/system/,
      ],
      [
        "of a guest nobody knows",
        { destinationUri: "qemu://host-b/system", domain: "nobody" },
        "DOMAIN_NOT_FOUND",
        /"nobody".*host-a/,
      ],
    ])("%s is refused before it begins", async (_, change, reason, words) => {
      await expectRefusal(migrate(change), reason, words);
      await expectRefusal(migrate({ ...change, validateOnly: true }), reason, words);
      const { migrations } = await mesh.unary(MigrationServiceService.listMigrations, {
        uri: "",
        active: false,
      });
      expect(migrations).toEqual([]);
    });
  });
});

function inOneLine({ uri, name, uuid, state, stateReason, id, generation, etag }: Domain): string {
  return [uri, name, uuid, state, stateReason, id, generation, etag].join(" ");
}

async function* opening(uri: string, signal: AbortSignal): AsyncGenerator<OpenConsoleRequest> {
  yield { uri, domain: "steady", device: "", force: false, data: Buffer.alloc(0) };
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** Leases end without a message: who is told of it asks. */
async function untilLost(mesh: RunningMesh, host: string): Promise<void> {
  for (;;) {
    const { agents } = await mesh.unary(FleetServiceService.listAgents, { uri: "" });
    if (agents.some((agent) => agent.host === host && agent.state === AgentState.AGENT_STATE_LOST)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
