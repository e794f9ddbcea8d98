// `npm run mesh`: NATS, a gateway and two agents with guests in memory (test:///default), until Ctrl-C. Needs no
// QEMU and no root: for trying the command line, and for clients under development.
import { once } from "node:events";
import { ensurePackages, NATS_NEEDS } from "@virtmesh/lab/apt";
import { startMesh } from "@virtmesh/lab/mesh";

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stop.abort());

await ensurePackages(NATS_NEEDS, (text) => console.error(text), stop.signal);
await using mesh = await startMesh({
  agents: "test",
  preferredGatewayPort: 7770,
  signal: stop.signal,
  progress: (text) => console.error(text),
});
console.log(`export VIRTMESH_GATEWAY=${mesh.gateway.address} VIRTMESH_TLS_DIR=${mesh.clientTlsDir ?? ""}`);
console.error("The mesh is up until Ctrl-C. Paste the line above into another terminal.");
await once(stop.signal, "abort");
