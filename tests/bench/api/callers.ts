import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { DomainServiceService, DomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import { type Channel, connect, unaryCall } from "@virtmesh/kit/grpc-client";
import { tlsFrom } from "@virtmesh/kit/tls";
import { type CallersTarget, type Change, NAME, type Order, type Read, type Report } from "./protocol.ts";

type Took = Partial<Record<Read | Change, number[]>>;
const never = { signal: new AbortController().signal };

/** Callers in a process of their own, each with a connection of its own; callers.py is the same for libvirt. */
class Callers {
  readonly #target: CallersTarget;
  readonly #channels: Channel[] = [];

  constructor(target: CallersTarget) {
    this.#target = target;
  }

  async obey(order: Order): Promise<Report> {
    const took: Took = {};
    const callers = order.do === "fill" ? 1 : order.callers;
    const channels = await this.#connected(callers);
    const began = performance.now();
    await Promise.all(channels.map(async (channel, i) => await this.#work(channel, i, order, took)));
    return { took, elapsedMs: performance.now() - began };
  }

  async #work(channel: Channel, index: number, order: Order, took: Took): Promise<void> {
    switch (order.do) {
      case "fill":
        for (const xml of order.xmls) await timed(took, "define", () => this.#define(channel, xml));
        return;
      case "life":
        for (let i = 0; i < order.times; i++) {
          const xml = order.xml.replaceAll(NAME, `${order.prefix}-${index}-${i}`);
          await this.#live(channel, xml, took);
        }
        return;
      case "state":
      case "list":
      case "stats":
        for (const end = performance.now() + order.ms; performance.now() < end; )
          await timed(took, order.do, () => this.#read(channel, order.do, order.domain));
        return;
    }
  }

  async #read(channel: Channel, what: Read, domain: string): Promise<unknown> {
    const { uri } = this.#target;
    switch (what) {
      case "state":
        return await unaryCall(channel, DomainServiceService.getDomain, { uri, domain }, never);
      case "list": {
        const request = { uri, pageSize: 1000, pageToken: "", filter: "", orderBy: "" };
        return await unaryCall(channel, DomainServiceService.listDomains, request, never);
      }
      case "stats": {
        const request = { uri, domains: [], pageSize: 0, pageToken: "" };
        return await unaryCall(channel, DomainServiceService.listDomainStats, request, never);
      }
    }
  }

  async #live(channel: Channel, xml: string, took: Took): Promise<void> {
    const { uri } = this.#target;
    const domain = await timed(took, "define", () => this.#define(channel, xml));
    const change = () => ({ uri, domain, requestId: randomUUID() });
    const service = DomainServiceService;
    const { state } = await timed(took, "start", () =>
      unaryCall(channel, service.startDomain, { ...change(), paused: false, forceBoot: false }, never),
    );
    if (state !== DomainState.DOMAIN_STATE_RUNNING)
      throw new VirtError("INTERNAL", `a guest was started and is in state ${state}`);
    await timed(took, "suspend", () => unaryCall(channel, service.suspendDomain, change(), never));
    await timed(took, "destroy", () => unaryCall(channel, service.destroyDomain, change(), never));
    await unaryCall(channel, service.undefineDomain, { ...change(), etag: "", managedSave: false }, never);
  }

  async #define(channel: Channel, xml: string): Promise<string> {
    const request = { uri: this.#target.uri, requestId: randomUUID(), xml, validateOnly: false, etag: "" };
    return (await unaryCall(channel, DomainServiceService.defineDomain, request, never)).uuid;
  }

  async #connected(count: number): Promise<readonly Channel[]> {
    const { address, tls } = this.#target;
    while (this.#channels.length < count) {
      const options = tls === undefined ? {} : { tls: await tlsFrom(tls.dir), serverName: tls.serverName };
      const channel = connect(address, options);
      await channel.waitForReady(never.signal);
      this.#channels.push(channel);
    }
    return this.#channels.slice(0, count);
  }
}

async function timed<T>(took: Took, what: Read | Change, call: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const answer = await call();
  (took[what] ??= []).push(performance.now() - began);
  return answer;
}

const callers = new Callers(JSON.parse(process.argv[2] ?? "{}") as CallersTarget);
process.stdout.write("READY\n");
for await (const line of createInterface({ input: process.stdin })) {
  let report: Report;
  try {
    report = await callers.obey(JSON.parse(line) as Order);
  } catch (e) {
    report = { took: {}, elapsedMs: 0, error: messageOf(e) };
  }
  process.stdout.write(`${JSON.stringify(report)}\n`);
}
process.exit(0);
