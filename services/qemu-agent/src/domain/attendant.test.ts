import type { QmpEvent, QmpEventListener } from "../qmp/events.ts";
import { reset } from "./attendant.ts";

/** A guest that has powered off to reboot, and that a migration may hold. */
class Rebooting {
  readonly asked: string[] = [];
  readonly exited = Promise.withResolvers<never>().promise;
  readonly #heard = new Set<QmpEventListener>();
  #still: PromiseWithResolvers<void> | undefined;

  readonly qmp = {
    onEvent: (listener: QmpEventListener): Disposable => {
      this.#heard.add(listener);
      return { [Symbol.dispose]: () => void this.#heard.delete(listener) };
    },
  };

  get mayGoOn(): Promise<void> {
    return this.#still?.promise ?? Promise.resolve();
  }

  standStill(): void {
    this.#still = Promise.withResolvers();
  }

  goOn(): void {
    this.#still?.resolve();
    this.#still = undefined;
  }

  readonly execute = async (command: string): Promise<unknown> => {
    this.asked.push(command);
    return {};
  };

  tellReset(): void {
    for (const listener of [...this.#heard]) listener({ event: "RESET", data: {}, timeMs: 0 } as QmpEvent);
  }

  reset(signal = new AbortController().signal): Promise<void> {
    return reset(this as never, signal);
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("the second half of a reboot", () => {
  it("lets the guest go on when it has been reset, and not while a migration that began meanwhile holds it", async () => {
    const guest = new Rebooting();
    const done = guest.reset();
    await settled();
    expect(guest.asked).toEqual(["system_reset"]);
    guest.standStill();
    guest.tellReset();
    await settled();
    expect(guest.asked).toEqual(["system_reset"]);
    guest.goOn();
    await done;
    expect(guest.asked).toEqual(["system_reset", "cont"]);
  });

  it("waits for a migration from its beginning on, and leaves the guest as it is when the agent ends", async () => {
    const guest = new Rebooting();
    guest.standStill();
    const ending = new AbortController();
    const done = guest.reset(ending.signal);
    await settled();
    ending.abort(new Error("the agent ends"));
    await expect(done).rejects.toThrow("the agent ends");
    expect(guest.asked).toEqual([]);
  });
});
