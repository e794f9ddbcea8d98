import type { Change } from "../cim/repository.ts";
import { type Seed, seedFrom } from "../host/seed.ts";
import type { SettingsPatch } from "../host/settings.ts";
import { type Simulator, startSimulator } from "../server.ts";
import { WireClient } from "./client.ts";

export interface Started extends Simulator {
  readonly client: WireClient;
  /** Resolves with the first change from now on that is one of those looked for. */
  next(isIt: (change: Change) => boolean): Promise<Change>;
  /** Resolves when the next job has ended: completed (7), or as an exception (10). */
  jobEnds(): Promise<Change>;
}

/** A simulator for one test, and a client that is let in. */
export async function started(settings: SettingsPatch = {}, seed: Partial<Seed> = {}): Promise<Started> {
  const credentials = { user: "Administrator", password: "secret" };
  const simulator = await startSimulator({
    ...{ seed: seedFrom(seed), settings, credentials },
    ...{ address: "127.0.0.1", port: 0, allowUnencrypted: true },
  });
  const next = (isIt: (change: Change) => boolean): Promise<Change> => {
    const { promise, resolve } = Promise.withResolvers<Change>();
    const listening = simulator.host.repository.onChange((change) => {
      if (isIt(change)) resolve(change);
    });
    return promise.finally(() => listening[Symbol.dispose]());
  };
  return Object.assign(simulator, {
    client: new WireClient(simulator.port, credentials.user, credentials.password),
    next,
    jobEnds: () => next(({ target: { values } }) => values["JobState"] === 7 || values["JobState"] === 10),
  });
}
