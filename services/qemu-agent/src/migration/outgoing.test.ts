import { sampleOffer } from "@virtmesh/agent/migration/sample-offer";
import { ownCall } from "@virtmesh/core/call";
import type { QmpConnection } from "../qmp/connection.ts";
import type { SourceHypervisorFact } from "@virtmesh/core/migration/facts";
import { QmpError } from "../qmp/errors.ts";
import type { QmpEvent, QmpEventListener } from "../qmp/events.ts";
import { QemuOutgoing } from "./outgoing.ts";
import type { SourceGuest } from "./source-guest.ts";

const { plan } = sampleOffer();
const OFFER = sampleOffer({ plan: { ...plan, tls: false, postcopy: { afterPasses: 0 } }, disks: [] });

function guestOf(qmp: QmpConnection, standStill = (): void => undefined): SourceGuest {
  const nothing = async (): Promise<void> => undefined;
  return {
    ...{ qmp, exited: Promise.withResolvers<string>().promise },
    ...{ kill: nothing, retire: nothing, released: nothing, standStill },
    ...{ expectJob: () => undefined, forgetJob: () => undefined, isConnecting: async () => false },
  };
}

/** A QEMU whose post-copy broke, at the instants at which its next connection comes about. */
function broken() {
  const listeners = new Set<QmpEventListener>();
  const asked: string[] = [];
  let status = "postcopy-paused";
  /** Its kernel waits for an answer of the other host. */
  const connecting = { now: false };
  const turn = (next: string): void => {
    status = next;
    const event = { event: "MIGRATION", data: { status }, timeMs: 0 } as QmpEvent;
    for (const listener of [...listeners]) listener(event);
  };
  const qmp = {
    execute: async (command: string): Promise<unknown> => {
      if (command === "query-migrate") return { status };
      if (command === "query-jobs") return [];
      asked.push(command);
      if (command === "yank") turn("postcopy-paused");
      return {};
    },
    onEvent: (listener: QmpEventListener): Disposable => {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    closed: Promise.withResolvers<never>().promise,
  } as unknown as QmpConnection;
  const guest = { ...guestOf(qmp), isConnecting: async () => connecting.now };
  const outgoing = new QemuOutgoing(OFFER, guest, undefined, () => undefined);
  return { outgoing, asked, turn, connecting, resume: () => outgoing.resumePostcopy("tcp:b:2", ownCall()) };
}

describe("a broken post-copy that is offered a new connection", () => {
  it("makes one, however often it is offered meanwhile", async () => {
    const { asked, resume } = broken();
    await Promise.all([resume(), resume()]);
    await resume();
    expect(asked).toEqual(["migrate"]);
  });

  it("leaves the one that was just made alone, which QEMU would die of", async () => {
    const { asked, turn, resume } = broken();
    await resume();
    turn("postcopy-recover");
    await resume();
    expect(asked).toEqual(["migrate"]);
  });

  it("leaves alone what the agent before it may just have asked for", async () => {
    const { outgoing, asked, turn, resume } = broken();
    turn("postcopy-recover");
    await outgoing.reconcile();
    await resume();
    expect(asked).toEqual([]);
  });

  it("makes none while one is on its way that an agent before it asked for, and one when that was given up", async () => {
    const { asked, connecting, resume } = broken();
    connecting.now = true;
    await resume();
    expect(asked).toEqual([]);
    connecting.now = false;
    await resume();
    expect(asked).toEqual(["migrate"]);
  });

  it("makes another when that has broken too", async () => {
    const { asked, turn, resume } = broken();
    await resume();
    turn("postcopy-recover");
    turn("postcopy-paused");
    await resume();
    expect(asked).toEqual(["migrate", "migrate"]);
  });

  it("breaks one that hangs, and asks for no other in the same moment", async () => {
    const { asked, turn, resume } = broken();
    turn("postcopy-recover");
    await resume();
    expect(asked).toEqual(["yank"]);
  });
});

/** A QEMU whose main loop waits for a network that swallows everything, until its connection is broken. */
function stuck() {
  const asked: string[] = [];
  let waits = true;
  const answers: Record<string, unknown> = {
    "query-yank": [{ type: "migration" }],
    "query-migrate": { status: "none" },
    "query-status": { status: "running", running: true },
  };
  const qmp = {
    execute: async (command: string): Promise<unknown> => {
      asked.push(command);
      if (command === "yank") waits = false;
      else if (waits && command !== "query-yank") throw new QmpError("timeout", command, "no answer");
      return answers[command] ?? [];
    },
    onEvent: (): Disposable => ({ [Symbol.dispose]: () => undefined }),
    closed: Promise.withResolvers<never>().promise,
  } as unknown as QmpConnection;
  const told: string[] = [];
  const outgoing = new QemuOutgoing(OFFER, guestOf(qmp), undefined, ({ fact }) => told.push(fact));
  return { outgoing, asked, told };
}

describe("a migration of which QEMU does not answer any more", () => {
  it("is rolled back by breaking its connections, for which QEMU's main loop waits", async () => {
    const { outgoing, asked, told } = stuck();
    await outgoing.rollBack({ linkLost: false }, ownCall());
    expect(asked.slice(0, 3)).toEqual(["query-status", "query-yank", "yank"]);
    expect(told).toEqual(["rolledBack"]);
  });
});

describe("a guest that QEMU lets go on only later", () => {
  it("is told as home when it runs, and once it does it is not let go on again from here", async () => {
    const asked: string[] = [];
    let refusals = 1;
    let writeFails = 1;
    const told: SourceHypervisorFact[] = [];
    const execute = async (command: string): Promise<unknown> => {
      asked.push(command);
      if (command === "cont" && refusals-- > 0) throw new QmpError("refused", command, "disk is in use");
      if (command === "query-status") return { status: "postmigrate", running: false };
      return command === "query-migrate" ? {} : [];
    };
    const qmp = {
      ...{ execute, onEvent: (): Disposable => ({ [Symbol.dispose]: () => undefined }) },
      closed: Promise.withResolvers<never>().promise,
    } as unknown as QmpConnection;
    const released = async (): Promise<void> => {
      if (writeFails-- > 0) throw new Error("no space left");
    };
    const guest = { ...guestOf(qmp), released };
    const outgoing = new QemuOutgoing(OFFER, guest, undefined, (fact) => told.push(fact));
    const conts = (): number => asked.filter((command) => command === "cont").length;
    await expect(outgoing.rollBack({ linkLost: false }, ownCall())).rejects.toThrow("disk is in use");
    await expect(outgoing.rollBack({ linkLost: true }, ownCall())).rejects.toThrow("no space left");
    expect(told).toEqual([]);
    await outgoing.rollBack({ linkLost: true }, ownCall());
    expect(told).toEqual([{ fact: "rolledBack", leftovers: [] }]);
    expect(conts()).toBe(2);
  });
});

describe("a guest that powers off to reboot on its way out", () => {
  function sending() {
    const asked: string[] = [];
    const facts: SourceHypervisorFact[] = [];
    let tell: QmpEventListener = () => undefined;
    const qmp = {
      execute: async (command: string): Promise<unknown> => {
        asked.push(command);
        return {};
      },
      onEvent: (listener: QmpEventListener): Disposable => {
        tell = listener;
        return { [Symbol.dispose]: () => undefined };
      },
      closed: Promise.withResolvers<never>().promise,
    } as unknown as QmpConnection;
    const guest = guestOf(qmp, () => void asked.push("stand still"));
    const outgoing = new QemuOutgoing(OFFER, guest, undefined, (fact) => facts.push(fact));
    const powersOff = (): void =>
      tell({ event: "SHUTDOWN", data: { guest: true, reason: "guest-shutdown" }, timeMs: 0 });
    const endpoints = { memoryAddress: "tcp:b:1", exports: [], hypervisorVersion: "7.2.0", tlsHostname: "" };
    return { asked, facts, powersOff, send: () => outgoing.sendMemory(endpoints, ownCall()) };
  }

  it("is not let go on by its reboot once memory is sent: that could be behind what was copied", async () => {
    const { asked, send } = sending();
    await send();
    expect(asked.slice(-2)).toEqual(["stand still", "migrate"]);
  });

  it("ends the migration while memory is sent, and not while only disks are copied", async () => {
    const { facts, powersOff, send } = sending();
    powersOff();
    expect(facts).toEqual([]);
    await send();
    powersOff();
    expect(facts).toEqual([
      { fact: "memoryFailed", message: "the guest powered off, to reboot or for good" },
    ]);
  });
});
