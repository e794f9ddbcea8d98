import type { MigrationOffer } from "@virtmesh/core/driver/migration";
import type { Endpoints } from "@virtmesh/core/migration/endpoints";
import { formatNodeName } from "../cmdline/node-names.ts";
import type { QmpConnection } from "../qmp/connection.ts";
import type { DestinationSite } from "./destination-site.ts";
import type { IncomingPorts } from "./incoming-ports.ts";
import { capabilitiesOf, parametersOf } from "./parameters.ts";
import { addTlsObject } from "./tls-files.ts";

const EXPORT = "export-";

export function isOwnExport({ type, id }: { readonly type: string; readonly id: string }): boolean {
  return type === "nbd" && id.startsWith(EXPORT);
}

/** Opens what the source connects to: one port for all disks, and one for memory unless the guest is off. */
export async function openEnds(
  qmp: QmpConnection,
  offer: MigrationOffer,
  site: DestinationSite,
  ports: IncomingPorts,
): Promise<Pick<Endpoints, "memoryAddress" | "exports">> {
  const { plan } = offer;
  const targets = offer.disks.filter((d) => d.copy).map((d) => d.target);
  const tls =
    plan.tls && site.tlsDir !== undefined ? await addTlsObject(qmp, plan.id, "server", site.tlsDir) : "";
  const live = plan.mode === "live";
  const [port] = await Promise.all([
    serveDisks(qmp, targets, tls, site, ports),
    live ? setUpMemory(qmp, offer, tls, site) : undefined,
  ]);
  const listen = (uri: string) => qmp.execute("migrate-incoming", { uri });
  return {
    memoryAddress: live ? await ports.listenAt(listen) : "",
    exports: targets.map((target) => ({ target, host: site.dataAddress, port, exportName: target })),
  };
}

async function serveDisks(
  qmp: QmpConnection,
  targets: readonly string[],
  tls: string,
  site: DestinationSite,
  ports: IncomingPorts,
): Promise<number> {
  if (targets.length === 0) return 0;
  const port = await ports.listen((p) =>
    qmp.execute("nbd-server-start", {
      addr: { type: "inet", data: { host: site.dataAddress, port: String(p) } },
      ...(tls === "" ? {} : { "tls-creds": tls }),
      // One per disk and no more; the source is the only one who may write.
      "max-connections": targets.length,
    }),
  );
  await Promise.all(
    targets.map((target) =>
      qmp.execute("block-export-add", {
        type: "nbd",
        id: `${EXPORT}${target}`,
        "node-name": formatNodeName(target),
        name: target,
        writable: true,
      }),
    ),
  );
  return port;
}

async function setUpMemory(
  qmp: QmpConnection,
  { plan, hypervisorVersion }: MigrationOffer,
  tls: string,
  site: DestinationSite,
): Promise<void> {
  const versions = [hypervisorVersion, site.hypervisorVersion] as const;
  await qmp.execute("migrate-set-capabilities", {
    capabilities: capabilitiesOf(plan, "destination", versions),
  });
  await qmp.execute("migrate-set-parameters", parametersOf(plan, tls, ""));
}
