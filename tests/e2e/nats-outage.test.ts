import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { AgentState, FleetServiceService } from "@virtmesh/api/gen/virtmesh/v1/agent";
import { DomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import type { Event } from "@virtmesh/api/gen/virtmesh/v1/event";
import { domainUuid } from "@virtmesh/core/ids";
import type { MeshHost } from "@virtmesh/lab/launcher";
import { type RunningMesh, startMesh } from "@virtmesh/lab/mesh";
import { connectMesh } from "@virtmesh/mesh/connection";
import { RunTokens } from "@virtmesh/mesh/run-tokens";
import { grpcClient, type MeshClient } from "@virtmesh/testkit/client";
import { Guests, guestsSeen, refusal, short, smallGuestXml, Watching } from "./guests.ts";

/** Several times the life of a lease. */
const OUTAGE_MS = 10_000;
const MEANWHILE = ["m-0", "m-1", "m-2"];
const EXPLICIT = "0c5b6b8e-3d0b-4d53-9c65-6d1f3e6f7a10";

describe("an outage of NATS", () => {
  let mesh: RunningMesh;
  let hosts: readonly { readonly host: MeshHost; readonly agent: MeshClient; readonly guests: Guests }[];
  /** Behind the last event of what is made before. */
  let token: string;
  beforeAll(async () => {
    mesh = await startMesh();
    await using watching = new Watching(mesh);
    await watching.synced();
    hosts = await Promise.all(
      mesh.hosts.map(async (host) => {
        const agent = grpcClient(await host.agent.connect());
        return { host, agent, guests: new Guests(agent, host.uri) };
      }),
    );
    for (const { host, guests } of hosts) await guests.define(smallGuestXml(`before-on-${host.name}`));
    await take(watching, hosts.length);
    token = watching.token;
  }, 120_000);
  afterAll(async () => {
    for (const { agent } of hosts) await agent[Symbol.asyncDispose]();
    await mesh[Symbol.asyncDispose]();
  }, 120_000);

  it("stops nobody who works on one host, and loses and repeats no event", async () => {
    // What truly happened is what each agent itself says.
    await using truths = new AsyncDisposableStack();
    const agents = hosts.map(({ agent }) => truths.use(new Watching(agent)));
    for (const watching of agents) await watching.synced();
    await using stays = new Watching(mesh, { resumeToken: token });
    await stays.synced();

    await mesh.nats.kill("SIGKILL");
    const over = delay(OUTAGE_MS);
    for (const { host, guests } of hosts) {
      await guests.start(`before-on-${host.name}`);
      for (const name of MEANWHILE) await lifeOf(guests, `${name}-${host.name}`);
    }
    await over;
    // The gateway knows the agents still: nobody is lost because nobody can renew a lease.
    const gateway = await guestsSeen(mesh);
    expect(gateway).toHaveLength(hosts.length * (MEANWHILE.length + 1));
    const [first] = hosts;
    if (first === undefined) throw new Error("there is no host");
    const refused = await refusal(first.guests.define(smallGuestXml("foreign", { uuid: EXPLICIT })));
    expect(refused.reason).toBe("RUN_TOKEN_UNREACHABLE");
    expect(refused.message).toContain(EXPLICIT);
    for (const { host, guests } of hosts) await guests.destroy(`before-on-${host.name}`);

    const isLast = (e: Event): boolean => short(e) === `before-on-${e.host} stopped destroyed`;
    const happened = await Promise.all(agents.map((watching) => watching.until(isLast)));
    await mesh.nats.restart();

    const count = happened.flat().length;
    expect(count).toBe(hosts.length * (3 + MEANWHILE.length * 6));
    await using resumes = new Watching(mesh, { resumeToken: token });
    for (const watching of [stays, resumes]) {
      const heard = await take(watching, count);
      for (const events of happened) {
        const { host } = events[0] ?? { host: "" };
        const ofHost = heard.filter((e) => e.host === host);
        expect(ofHost.map((e) => e.id)).toEqual(events.map((e) => e.id));
        expect(ofHost.map((e) => e.sequence)).toEqual(consecutive(ofHost));
      }
    }
  }, 120_000);

  it("is over for everybody when NATS is back", async () => {
    await mesh.complete();
    await untilSent(mesh);
    expect((await guestsSeen(mesh)).map((d) => [d.name, d.state])).toEqual(
      hosts
        .flatMap(({ host: { name } }) => [`before-on-${name}`, ...MEANWHILE.map((m) => `${m}-${name}`)])
        .sort()
        .map((name) => [name, DomainState.DOMAIN_STATE_SHUTOFF]),
    );
    const [first, second] = hosts;
    if (first === undefined || second === undefined) throw new Error("there are no two hosts");
    await new Guests(mesh, first.host.uri).define(smallGuestXml("foreign", { uuid: EXPLICIT }));
    // The tokens of what was made meanwhile are written: nobody else gets them.
    const { uuid } = await first.guests.get(`m-0-${first.host.name}`);
    await untilOwned(mesh, uuid, first.host.name);
    const refused = await refusal(second.guests.define(smallGuestXml("stolen", { uuid })));
    expect(refused).toMatchObject({ reason: "RUN_TOKEN_ELSEWHERE" });
    expect(refused.message).toContain(first.host.name);
  }, 120_000);

  it("that costs NATS its whole store is a gap to who watched, and only then goes on", async () => {
    await using stays = new Watching(mesh);
    await stays.synced();
    await mesh.nats.kill("SIGKILL");
    await rm(mesh.nats.dir, { recursive: true });
    const [first] = hosts;
    if (first === undefined) throw new Error("there is no host");
    await lifeOf(first.guests, "afterwards");
    await mesh.nats.restart();

    const isLast = (e: Event): boolean => short(e) === "afterwards stopped destroyed";
    await using resumes = new Watching(mesh, { resumeToken: token });
    for (const watching of [stays, resumes]) {
      await watching.gap();
      const heard = (await watching.until(isLast)).filter((e) => e.host === first.host.name);
      expect(heard.map((e) => e.sequence)).toEqual(consecutive(heard));
      expect(heard.slice(-6).map(short)).toEqual([
        "afterwards defined added",
        "afterwards started booted",
        "afterwards suspended paused",
        "afterwards resumed unpaused",
        "afterwards suspended paused",
        "afterwards stopped destroyed",
      ]);
    }
    await mesh.complete();
    await untilSent(mesh);
    expect(await guestsSeen(mesh)).toHaveLength(hosts.length * (MEANWHILE.length + 1) + 2);
  }, 120_000);
});

/** Defined, started and suspended (a start that is paused), resumed, suspended, stopped: six events. */
async function lifeOf(guests: Guests, name: string): Promise<void> {
  await guests.define(smallGuestXml(name), randomUUID());
  await guests.start(name);
  await guests.resume(name);
  await guests.suspend(name);
  await guests.destroy(name);
}

async function take(watching: Watching, count: number): Promise<Event[]> {
  const events: Event[] = [];
  while (events.length < count) events.push(await watching.event());
  return events;
}

/** As many numbers in a row, from that of the first event on. */
function consecutive(events: readonly Event[]): bigint[] {
  const from = events[0]?.sequence ?? 0n;
  return events.map((_, i) => from + BigInt(i));
}

/** NATS has been told whose guest it is. */
async function untilOwned({ dir, nats }: RunningMesh, uuid: string, host: string): Promise<void> {
  const file = (name: string): string => join(dir, "tls/hub-gateway", name);
  const tls = { ca: file("ca.pem"), cert: file("cert.pem"), key: file("key.pem") };
  await using connection = connectMesh({ servers: [nats.url], name: "test", tls });
  const tokens = new RunTokens(connection);
  while ((await tokens.read(domainUuid(uuid)))?.host !== host) await delay(100);
}

/** Every agent is alive, has NATS, and no event waits; a lease says it some time after it is so. */
async function untilSent(mesh: RunningMesh): Promise<void> {
  for (;;) {
    const { agents } = await mesh.unary(FleetServiceService.listAgents, { uri: "" });
    const done = agents.filter(
      (a) => a.state === AgentState.AGENT_STATE_ALIVE && a.eventsConnected && a.outboxLength === 0n,
    );
    if (done.length === mesh.hosts.length) return;
    await delay(100);
  }
}
