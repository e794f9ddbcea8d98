import { runAgent } from "@virtmesh/agent/run-agent";
import { QEMU_OPTIONS } from "./config.ts";
import { createQemuDriver } from "./driver.ts";
import { qmpSpans } from "./qmp-spans.ts";

await runAgent({
  name: "qemu-agent",
  summary: "serves QEMU/KVM guests of this host",
  extraConfig: QEMU_OPTIONS,
  createDriver: ({ host, stateDir, runDir, dataAddress, tlsDir, logger, metrics, signal }, extra) =>
    createQemuDriver({
      ...{ hostName: host, stateDir, runDir, dataAddress, logger, signal, observe: qmpSpans },
      ...extra,
      // Behind the flags, one of which has that name.
      metrics,
      ...(tlsDir === undefined ? {} : { tlsDir }),
    }),
});
