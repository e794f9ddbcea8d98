// A Hyper-V host as seen through WS-Management, for tests. It prints where it answers, and goes on until it is ended.
import { readFileSync } from "node:fs";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import { defineConfig, list, text, toggle } from "@virtmesh/kit/config";
import { runMain } from "@virtmesh/kit/process";
import { type Seed, seedFrom } from "./host/seed.ts";
import type { SettingsPatch } from "./host/settings.ts";
import { introduce, startSimulator } from "./server.ts";

const config = defineConfig(
  {
    address: {
      ...{ flag: "address", env: "VIRTMESH_HYPERV_SIMULATOR_ADDRESS", type: text, default: "127.0.0.1" },
      help: "address to listen at",
    },
    ports: {
      ...{ flag: "port", env: "VIRTMESH_HYPERV_SIMULATOR_PORT", type: list, default: ["0"] },
      help: "port to listen at, one for each host; 0 for any that is free",
    },
    user: {
      ...{ flag: "user", env: "VIRTMESH_HYPERV_SIMULATOR_USER", type: text, default: "Administrator" },
      help: "the user that is let in",
    },
    password: {
      ...{ flag: "password", env: "VIRTMESH_HYPERV_SIMULATOR_PASSWORD", type: text, required: true },
      help: "the password of the user",
    },
    seed: {
      ...{ flag: "seed", env: "VIRTMESH_HYPERV_SIMULATOR_SEED", type: text },
      help: "JSON file of the host's name, language, guests and switches, or of a list of such hosts",
    },
    settings: {
      ...{ flag: "settings", env: "VIRTMESH_HYPERV_SIMULATOR_SETTINGS", type: text },
      help: "JSON file of how it behaves; each part may be left out",
    },
    cert: {
      ...{ flag: "tls-cert", env: "VIRTMESH_HYPERV_SIMULATOR_TLS_CERT", type: text },
      help: "PEM of its certificate; with it and its key HTTPS is spoken",
    },
    key: {
      ...{ flag: "tls-key", env: "VIRTMESH_HYPERV_SIMULATOR_TLS_KEY", type: text },
      help: "PEM of the key of the certificate",
    },
    allowUnencrypted: {
      ...{ flag: "allow-unencrypted", env: "VIRTMESH_HYPERV_SIMULATOR_ALLOW_UNENCRYPTED" },
      ...{ type: toggle, default: false },
      help: "takes messages that are neither sealed nor sent over TLS",
    },
    allowBasic: {
      ...{ flag: "allow-basic", env: "VIRTMESH_HYPERV_SIMULATOR_ALLOW_BASIC", type: toggle, default: true },
      help: "lets in with a name and a password",
    },
  },
  { name: "hyperv-simulator", version: "0.1.0", summary: "a Hyper-V host as seen through WS-Management" },
);

function readJson(flag: string, path: string | undefined): unknown {
  if (path === undefined) return {};
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new VirtError(
      "INVALID_FIELD",
      `${flag} ${path} cannot be read: ${messageOf(cause)}`,
      {},
      { cause },
    );
  }
}

await runMain(async (scope) => {
  const values = config.parse(process.argv.slice(2), process.env);
  const { cert, key, address } = values;
  const given = readJson("--seed", values.seed) as Partial<Seed> | readonly Partial<Seed>[];
  const simulators = [];
  for (const [index, parts] of [given].flat().entries()) {
    const simulator = await startSimulator({
      ...{ address, port: Number(values.ports[index] ?? 0), seed: seedFrom(parts) },
      credentials: { user: values.user, password: values.password },
      settings: readJson("--settings", values.settings) as SettingsPatch,
      ...{ allowUnencrypted: values.allowUnencrypted, allowBasic: values.allowBasic },
      ...(cert === undefined || key === undefined
        ? {}
        : { tls: { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") } }),
    });
    simulators.push(scope.own(simulator));
  }
  introduce(simulators);
  const scheme = cert === undefined ? "http" : "https";
  const where = simulators.map(({ port }) => `${scheme}://${address}:${port}/wsman`);
  console.log(`listening at ${where.join(" ")}`);
});
