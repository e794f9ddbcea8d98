import { DomainServiceService } from "@virtmesh/api/gen/virtmesh/v1/domain";
import {
  EventServiceService,
  type WatchRequest,
  type WatchResponse,
} from "@virtmesh/api/gen/virtmesh/v1/event";
import { Fleet, guestXml } from "./fleet.ts";

const D = DomainServiceService;
const uriOf = (host: string): string => `test://${host}/default`;

describe("events through the gateway", () => {
  let fleet: Fleet;
  let abort: AbortController;
  beforeAll(async () => {
    fleet = await Fleet.start("host-a", "host-b");
  }, 60_000);
  beforeEach(() => {
    abort = new AbortController();
  });
  afterEach(() => abort.abort());
  afterAll(async () => {
    await fleet[Symbol.asyncDispose]();
  }, 30_000);

  const watch = (request: Partial<WatchRequest>): AsyncGenerator<WatchResponse, void> =>
    fleet.stream(
      EventServiceService.watch,
      { uri: "", domain: "", classes: [], resumeToken: "", sendSnapshot: false, ...request },
      AbortSignal.any([abort.signal, AbortSignal.timeout(60_000)]),
    );
  const define = (host: string, name: string) =>
    fleet.unary(D.defineDomain, {
      uri: uriOf(host),
      requestId: "",
      xml: guestXml(name),
      validateOnly: false,
      etag: "",
    });

  /** What the stream says next, in short, and its token. */
  async function read(stream: AsyncGenerator<WatchResponse, void>): Promise<{ said: string; token: string }> {
    for (;;) {
      const { value } = await stream.next();
      if (!value?.kind) throw new Error("the stream ended");
      const { kind, resumeToken: token } = value;
      if (kind.$case === "heartbeat") continue;
      if (kind.$case === "gap") return { said: `gap: ${kind.value.reason}`, token };
      if (kind.$case === "synced") return { said: "synced", token };
      const { body, host, domainName } = kind.value;
      return {
        said: `${host} ${domainName} ${body?.$case === "lifecycle" ? body.value.detail : body?.$case}`,
        token,
      };
    }
  }

  it("come from every host of the pattern in one stream", async () => {
    const all = watch({});
    const one = watch({ uri: uriOf("host-b") });
    expect([(await read(all)).said, (await read(one)).said]).toEqual(["synced", "synced"]);
    await define("host-a", "one");
    await define("host-b", "two");
    expect([(await read(all)).said, (await read(all)).said].sort()).toEqual([
      "host-a one added",
      "host-b two added",
    ]);
    expect((await read(one)).said).toBe("host-b two added");
  });

  it("go on behind a token with another gateway", async () => {
    const first = watch({ uri: uriOf("host-a") });
    await read(first);
    await define("host-a", "before");
    const { said, token } = await read(first);
    expect(said).toBe("host-a before added");
    await define("host-a", "meanwhile");
    // It is in the stream by now; that its call was answered says no more than that it is in the agent's outbox.
    expect((await read(first)).said).toBe("host-a meanwhile added");
    await fleet.replaceGateway();
    const second = watch({ uri: uriOf("host-a"), resumeToken: token });
    expect((await read(second)).said).toBe("host-a meanwhile added");
    expect((await read(second)).said).toBe("synced");
  });

  it("begin with a snapshot of all hosts", async () => {
    const stream = watch({ sendSnapshot: true, domain: "test" });
    const said = [(await read(stream)).said, (await read(stream)).said, (await read(stream)).said];
    expect(said).toEqual(["host-a test domainChanged", "host-b test domainChanged", "synced"]);
  });

  it("state a gap when what comes next is not kept any more", async () => {
    const first = watch({});
    const { token } = await read(first);
    await define("host-a", "lost-one");
    await define("host-a", "lost-two");
    await read(first);
    await read(first);
    const session = await fleet.mesh.whenConnected(AbortSignal.timeout(20_000));
    await session.jsm.streams.purge("EVENTS");
    const second = watch({ resumeToken: token });
    expect((await read(second)).said).toMatch(/^gap: /);
    await define("host-a", "after");
    const next = await read(second);
    expect(["synced", "host-a after added"]).toContain(next.said);
  });
});
