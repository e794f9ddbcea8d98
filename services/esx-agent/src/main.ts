import { runAgent } from "@virtmesh/agent/run-agent";
import { ESX_OPTIONS, readEsxConfig } from "./config.ts";
import { createEsxDriver } from "./driver.ts";

await runAgent({
  name: "esx-agent",
  summary: "guests of an ESX host, or of one host of a vCenter",
  extraConfig: ESX_OPTIONS,
  createDriver: async ({ logger, signal }, extra) =>
    createEsxDriver({ ...(await readEsxConfig(extra)), logger, signal }),
});
