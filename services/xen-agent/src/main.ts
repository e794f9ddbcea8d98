import { runAgent } from "@virtmesh/agent/run-agent";
import { createXenDriver } from "./driver.ts";

await runAgent({
  name: "xen-agent",
  summary: "guests of Xen, from its dom0",
  createDriver: (context) => createXenDriver(context),
});
