import { runAgent } from "@virtmesh/agent/run-agent";
import { createLxcDriver } from "./driver.ts";

await runAgent({
  name: "lxc-agent",
  summary: "containers of LXC on this host",
  createDriver: (context) => createLxcDriver(context),
});
