import { runAgent } from "@virtmesh/agent/run-agent";
import { HYPERV_OPTIONS, readHypervConfig } from "./config.ts";
import { createHypervDriver } from "./driver.ts";

await runAgent({
  name: "hyperv-agent",
  summary: "guests of a Hyper-V host",
  extraConfig: HYPERV_OPTIONS,
  createDriver: async ({ logger, signal, stateDir }, extra) =>
    createHypervDriver({ ...(await readHypervConfig(extra, signal)), logger, signal, stateDir }),
});
