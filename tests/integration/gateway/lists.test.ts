import { DomainServiceService, type ListDomainsRequest } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { MigrationServiceService } from "@virtmesh/api/gen/virtmesh/v1/migration";
import { OperationServiceService } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { Fleet, guestXml } from "./fleet.ts";

const D = DomainServiceService;
const HOSTS = ["host-a", "host-b", "host-c"];
const uriOf = (host: string): string => `test://${host}/default`;

describe("lists over hosts", () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await Fleet.start(...HOSTS);
    for (const [i, host] of HOSTS.entries()) {
      for (const n of [1, 2, 3, 4]) {
        const xml = guestXml(`web-${n}${i}`);
        await fleet.unary(D.defineDomain, {
          uri: uriOf(host),
          requestId: "",
          xml,
          validateOnly: false,
          etag: "",
        });
      }
    }
  }, 60_000);
  afterAll(async () => {
    await fleet[Symbol.asyncDispose]();
  }, 30_000);

  const list = (request: Partial<ListDomainsRequest>) =>
    fleet.unary(D.listDomains, {
      uri: "",
      pageSize: 0,
      pageToken: "",
      filter: 'name : "web-*"',
      orderBy: "",
      ...request,
    });
  const WEBS = [1, 2, 3, 4].flatMap((n) => HOSTS.map((_, i) => `web-${n}${i}`));

  it("are one list in one order", async () => {
    const { domains, nextPageToken, unreachable } = await list({});
    expect(domains.map((d) => d.name)).toEqual(WEBS);
    expect(domains.map((d) => d.host).slice(0, 3)).toEqual(HOSTS);
    expect([nextPageToken, unreachable]).toEqual(["", []]);
  });

  it.each([1, 2, 5, 12, 13])("come in pages of %i, each guest once", async (pageSize) => {
    const seen: string[] = [];
    let pageToken = "";
    do {
      const page = await list({ pageSize, pageToken, orderBy: "name desc" });
      expect(page.domains.length).toBeLessThanOrEqual(pageSize);
      seen.push(...page.domains.map((d) => d.name));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(seen).toEqual([...WEBS].reverse());
  });

  it("are those of the pattern only", async () => {
    const { domains } = await list({ uri: "test://host-b/*" });
    expect(domains.map((d) => d.name)).toEqual(["web-11", "web-21", "web-31", "web-41"]);
  });

  it("refuse a filter and a token that make no sense, as one host does", async () => {
    await expect(list({ filter: "colour = red" })).rejects.toMatchObject({ reason: "INVALID_FILTER" });
    await expect(list({ pageToken: "nonsense" })).rejects.toMatchObject({ reason: "INVALID_PAGE_TOKEN" });
  });

  it("have statistics host after host, also in pages, and by name", async () => {
    const stats = async (pageSize: number, domains: string[] = []): Promise<string[]> => {
      const seen: string[] = [];
      let pageToken = "";
      do {
        const page = await fleet.unary(D.listDomainStats, { uri: "", domains, pageSize, pageToken });
        seen.push(...page.stats.map((s) => `${s.uri} ${s.name}`));
        pageToken = page.nextPageToken;
      } while (pageToken !== "");
      return seen;
    };
    const all = await stats(0);
    expect(all).toHaveLength(15);
    expect(await stats(4)).toHaveLength(15);
    expect(new Set(await stats(4))).toEqual(new Set(all));
    expect(await stats(0, ["web-11", "web-42"])).toEqual([
      `${uriOf("host-b")} web-11`,
      `${uriOf("host-c")} web-42`,
    ]);
  });

  it("have the operations and migrations of all hosts", async () => {
    const uri = uriOf("host-a");
    const shutdown = await fleet.unary(D.shutdownDomain, {
      uri,
      requestId: "",
      domain: "test",
      timeout: undefined,
    });
    await fleet.unary(OperationServiceService.waitOperation, {
      uri,
      name: shutdown.name,
      timeout: { seconds: 10n, nanos: 0 },
    });
    const { operations, unreachable } = await fleet.unary(OperationServiceService.listOperations, {
      uri: "test://*/default",
      pageSize: 0,
      pageToken: "",
      filter: "",
    });
    expect(operations.map((o) => o.name)).toEqual([shutdown.name]);
    expect(unreachable).toEqual([]);
    expect(await fleet.unary(MigrationServiceService.listMigrations, { uri: "", active: false })).toEqual({
      migrations: [],
      unreachable: [],
    });
  });

  it("name exactly the hosts that do not answer, and give the guests of the others", async () => {
    const agent = await fleet.agent("host-d");
    agent.pause();
    try {
      // Its lease may still hold: it is the missing answer that counts.
      const silent = await list({});
      expect(silent.unreachable).toEqual([uriOf("host-d")]);
      expect(silent.domains.map((d) => d.name)).toEqual(WEBS);
      await fleet.until((agents) => agents.some((a) => a.host === "host-d" && a.lostAtMs !== undefined));
      expect((await list({})).unreachable).toEqual([uriOf("host-d")]);
      expect((await list({ uri: "test://host-a/*" })).unreachable).toEqual([]);
    } finally {
      agent.resume();
    }
    await fleet.until((agents) => agents.some((a) => a.host === "host-d" && a.lostAtMs === undefined));
    expect((await list({})).unreachable).toEqual([]);
  }, 60_000);
});
