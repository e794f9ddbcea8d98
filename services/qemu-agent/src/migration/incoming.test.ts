import { sampleOffer } from "@virtmesh/agent/migration/sample-offer";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ownCall } from "@virtmesh/core/call";
import type { DestinationHypervisorFact } from "@virtmesh/core/migration/facts";
import { PortRange } from "../host/ports.ts";
import type { QmpConnection } from "../qmp/connection.ts";
import { QmpError } from "../qmp/errors.ts";
import type { QmpEvent, QmpEventListener } from "../qmp/events.ts";
import type { WaitingGuest } from "./destination-site.ts";
import { QemuIncoming } from "./incoming.ts";
import { IncomingRecords } from "./incoming-record.ts";

const { plan } = sampleOffer();
const OFFER = sampleOffer({ plan: { ...plan, tls: false, postcopy: { afterPasses: 0 } }, disks: [] });

/** A QEMU at an instant at which no real one can be met: it answers as the test says, and ends when the test says so. */
class Scene implements AsyncDisposable {
  readonly facts: DestinationHypervisorFact[] = [];
  readonly asked: string[] = [];
  incoming!: QemuIncoming;
  readonly #answers: Readonly<Record<string, () => unknown>>;
  readonly #listeners = new Set<QmpEventListener>();
  readonly #ended = Promise.withResolvers<string>();
  readonly #dir: string;

  static async open(answers: Readonly<Record<string, () => unknown>>): Promise<Scene> {
    const dir = await mkdtemp(join(tmpdir(), "virtmesh-incoming-"));
    const scene = new Scene(dir, answers);
    const site = {
      records: new IncomingRecords(dir),
      clearLeftImages: async () => undefined,
      ports: new PortRange(49_900, 49_910),
      ...{ dataAddress: "127.0.0.1", host: "host-b", hypervisorVersion: "7.2.0", tlsDir: undefined },
      startIncoming: async () => scene.#guest(),
      define: async () => undefined,
    };
    scene.incoming = await QemuIncoming.prepare(OFFER, site, (fact) => scene.facts.push(fact), ownCall());
    return scene;
  }

  private constructor(dir: string, answers: Readonly<Record<string, () => unknown>>) {
    this.#dir = dir;
    this.#answers = answers;
  }

  /** Its memory comes to a new stage. */
  turn(status: string): void {
    const event = { event: "MIGRATION", data: { status }, timeMs: 0 } as QmpEvent;
    for (const listener of [...this.#listeners]) listener(event);
  }

  end(): void {
    this.#ended.resolve("signal SIGKILL");
  }

  #guest(): WaitingGuest {
    const onEvent = (listener: QmpEventListener): Disposable => {
      this.#listeners.add(listener);
      return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
    };
    const execute = async (command: string): Promise<unknown> => {
      this.asked.push(command);
      return this.#answers[command]?.() ?? {};
    };
    const qmp = { execute, onEvent, closed: this.#ended.promise } as unknown as QmpConnection;
    return {
      ...{ qmp, connected: Promise.resolve(), onQmpEvent: onEvent, isAdopted: false },
      exited: this.#ended.promise,
      adopt: async () => undefined,
      whole: async () => undefined,
      kill: async () => this.end(),
      discard: async () => this.end(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.incoming.close();
    this.end();
    await rm(this.#dir, { recursive: true, force: true });
  }
}

/** What is told in the same moment has been told. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const said = (failure: "refused" | "closed") => (): never => {
  throw new QmpError(failure, "cont", "in the test", failure === "refused" ? "GenericError" : "");
};

describe("a guest on its way in that is to run", () => {
  it("is told as one that may have run when its QEMU ends before it has answered", async () => {
    await using scene = await Scene.open({ cont: said("closed") });
    scene.turn("completed");
    await scene.incoming.resume(ownCall());
    await settled();
    expect(scene.facts.at(-1)).toMatchObject({ fact: "incomingFailed", mayHaveRun: true });
    expect(scene.incoming.alive).toBe(false);
  });

  it("is told as one that never ran when QEMU refuses to run it, and when it ends before it was told to", async () => {
    await using refused = await Scene.open({ cont: said("refused") });
    refused.turn("completed");
    await refused.incoming.resume(ownCall());
    expect(refused.facts.at(-1)).toMatchObject({ fact: "resumeFailed" });
    await using ended = await Scene.open({});
    ended.turn("completed");
    ended.end();
    await settled();
    expect(ended.facts.at(-1)).toEqual({
      fact: "incomingFailed",
      message: "QEMU on host-b ended: signal SIGKILL",
    });
  });
});

describe("a guest that lacks memory, of which the source says that the rest will never come", () => {
  it.each([
    ["postcopy-paused", "incomingFailed"],
    ["completed", "complete"],
    ["postcopy-active", "postcopyPaused"],
  ])("is asked before it is ended: %s", async (status, fact) => {
    await using scene = await Scene.open({ "query-migrate": () => ({ status }) });
    scene.turn("postcopy-active");
    scene.turn("postcopy-paused");
    await scene.incoming.abandon(ownCall());
    await settled();
    expect(scene.facts.at(-1)?.fact).toBe(fact);
    expect(scene.asked).toContain("query-migrate");
  });

  it("is not even asked when it has told that it has everything", async () => {
    await using scene = await Scene.open({ "query-migrate": () => ({ status: "postcopy-paused" }) });
    for (const status of ["postcopy-active", "postcopy-paused", "completed"]) scene.turn(status);
    await scene.incoming.abandon(ownCall());
    expect(scene.facts.at(-1)?.fact).toBe("complete");
    expect(scene.asked).not.toContain("query-migrate");
  });
});
