import { runAgent } from "@virtmesh/agent/run-agent";
import { seedOfHost } from "@virtmesh/test-driver/seed";
import { createTestDriver } from "@virtmesh/test-driver/test-driver";

await runAgent({
  name: "test-agent",
  summary: "the in-memory hypervisor behind test:///default",
  createDriver: ({ dataAddress, host }) =>
    createTestDriver({ address: dataAddress, guests: [seedOfHost(host)] }),
});
