import { type IncomingMessage, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { VirtError } from "@virtmesh/core/errors";
import type { Seed } from "@virtmesh/hyperv-simulator/host/seed";
import type { SettingsPatch } from "@virtmesh/hyperv-simulator/host/settings";
import type { GuestState } from "@virtmesh/hyperv-simulator/host/guest-state";
import { ensurePackages } from "./apt.ts";
import { Child } from "./process.ts";
import { repositoryRoot } from "./repository.ts";
import { makeRunFolder, removeRunFolder } from "./run-folder.ts";
import { makeSelfSigned } from "./self-signed.ts";

export interface HypervSimulatorOptions {
  /** What the host has at the beginning; parts that are left out are the simulator's own. */
  readonly seed?: Partial<Seed>;
  /** How it behaves; see `settings`. */
  readonly settings?: SettingsPatch;
  /** `sealed`: HTTP, with messages sealed by NTLM, as Windows is delivered. `plain`: HTTP, sealed or not. */
  readonly transport?: "tls" | "sealed" | "plain";
}

/** A running Hyper-V simulator; what it holds is in its memory and ends with it. */
export interface HypervSimulator extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** PEM of the certificate it shows, which is its own authority; empty without TLS. */
  readonly ca: string;
  /** Changes how it behaves from now on. */
  settings(patch: SettingsPatch): Promise<void>;
  /** Does what somebody at the host itself does to a guest. */
  setGuest(name: string, state: GuestState, healthState?: number): Promise<void>;
  /** Every request so far that was refused, and why. */
  refused(): Promise<readonly string[]>;
  /** Ends it and starts it again at the same port: it is as in the beginning. */
  restart(): Promise<void>;
}

export async function startHypervSimulator(options: HypervSimulatorOptions = {}): Promise<HypervSimulator> {
  const [simulator] = await startHypervSimulators([options.seed ?? {}], options);
  if (simulator === undefined) throw new VirtError("HOST_SETUP", "the Hyper-V simulator has started no host");
  return simulator;
}

/** Hosts between which guests can migrate. They are one process: whoever ends or restarts one does it to all. */
export async function startHypervSimulators(
  seeds: readonly Partial<Seed>[],
  options: Omit<HypervSimulatorOptions, "seed"> = {},
): Promise<readonly HypervSimulator[]> {
  const { transport = "tls" } = options;
  const dir = await makeRunFolder("hyperv-simulator");
  try {
    const [cert, key] = [join(dir, "cert.pem"), join(dir, "key.pem")];
    if (transport === "tls") {
      await ensurePackages([{ package: "openssl", file: "openssl" }]);
      await makeSelfSigned("hyperv", cert, key);
    }
    const [user, password] = ["Administrator", crypto.randomUUID()];
    const [seed, settings] = [join(dir, "seed.json"), join(dir, "settings.json")];
    await writeFile(seed, JSON.stringify(seeds));
    await writeFile(settings, JSON.stringify(options.settings ?? {}));
    const start = async (
      at: readonly number[],
    ): Promise<{ readonly child: Child; readonly ports: readonly number[] }> => {
      const child = await Child.start(
        [
          ...[process.execPath, join(repositoryRoot(), "packages/hyperv-simulator/src/main.ts")],
          ...["--port", at.join(","), "--user", user, "--seed", seed, "--settings", settings],
          ...(transport === "tls" ? ["--tls-cert", cert, "--tls-key", key] : []),
          ...(transport === "plain" ? ["--allow-unencrypted"] : []),
        ],
        { name: "hyperv-simulator", cwd: dir, env: { VIRTMESH_HYPERV_SIMULATOR_PASSWORD: password } },
      );
      const [, where = ""] = await child.line(/^listening at (.+)$/);
      return { child, ports: where.split(" ").map((url) => Number(new URL(url).port)) };
    };
    let { child, ports } = await start(seeds.map(() => 0));
    const ca = transport === "tls" ? await readFile(cert, "utf8") : "";
    return ports.map((port): HypervSimulator => {
      const control = async (method: string, path: string, body?: unknown): Promise<unknown> =>
        await tell({ method, path, body, port, ca, authorization: basic(user, password) });
      return {
        ...{ host: "127.0.0.1", port, user, password, ca },
        settings: async (patch) => void (await control("PUT", "settings", patch)),
        setGuest: async (name, state, healthState) =>
          void (await control("PUT", `guests/${encodeURIComponent(name)}`, { state, healthState })),
        refused: async () => (await control("GET", "refused")) as readonly string[],
        restart: async () => {
          await child.stop();
          ({ child, ports } = await start(ports));
        },
        [Symbol.asyncDispose]: async () => {
          await child.stop();
          await removeRunFolder(dir);
        },
      };
    });
  } catch (e) {
    await removeRunFolder(dir);
    throw e;
  }
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}

interface Told {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly port: number;
  readonly ca: string;
  readonly authorization: string;
}

/** One request to what the simulator has for tests. @throws HOST_SETUP */
function tell({ method, path, body, port, ca, authorization }: Told): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const options = {
    ...{ method, host: "127.0.0.1", port, path: `/simulator/${path}`, headers: { authorization } },
    ...(ca === "" ? {} : { ca }),
  };
  const take = (response: IncomingMessage): void => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("end", () => {
      const text = Buffer.concat(chunks).toString();
      if (response.statusCode === 200) resolve(JSON.parse(text));
      else
        reject(
          new VirtError(
            "HOST_SETUP",
            `the Hyper-V simulator answered ${response.statusCode} to ${method} ${path}`,
          ),
        );
    });
  };
  const call = ca === "" ? httpRequest(options, take) : httpsRequest(options, take);
  call.on("error", reject);
  call.end(body === undefined ? undefined : JSON.stringify(body));
  return promise;
}
