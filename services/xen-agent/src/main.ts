import { runAgent } from "@virtmesh/agent/run-agent";
import { XEN_OPTIONS } from "./config.ts";
import { createXenDriver } from "./driver.ts";

await runAgent({
  name: "xen-agent",
  summary: "guests of Xen, from its dom0",
  extraConfig: XEN_OPTIONS,
  createDriver: (context, extra) => createXenDriver({ ...context, ...extra }),
});
