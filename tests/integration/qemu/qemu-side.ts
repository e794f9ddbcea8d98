import { createLogger } from "@virtmesh/kit/logger";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { probeOnce } from "../../../services/qemu-agent/src/capabilities/cache.ts";
import { Guests } from "../../../services/qemu-agent/src/domain/guests.ts";
import { MigrationDestination } from "../../../services/qemu-agent/src/facets/migration-destination.ts";
import { MigrationSource } from "../../../services/qemu-agent/src/facets/migration-source.ts";
import { PortRange } from "../../../services/qemu-agent/src/host/ports.ts";
import { Taps } from "../../../services/qemu-agent/src/host/taps.ts";
import { LeftImages } from "../../../services/qemu-agent/src/migration/left-images.ts";
import { DefinitionStore } from "@virtmesh/agent/guests/definition-store";
import { StatusStore } from "../../../services/qemu-agent/src/state/status-store.ts";

/** The guests of one host and both migration facets over them, without an agent around. */
export async function qemuSide(dir: string, name: string, firstPort: number, tlsDir?: string) {
  const base = join(dir, name);
  await mkdir(join(base, "log"), { recursive: true });
  const never = new AbortController().signal;
  const { capabilities } = await probeOnce({
    binary: "/usr/bin/qemu-system-x86_64",
    workDir: join(base, "probe"),
    cacheDir: dir,
    signal: never,
  });
  const statuses = await StatusStore.open(join(base, "r"));
  const definitions = await DefinitionStore.open(base);
  const guests = new Guests({
    site: {
      capabilities,
      statuses,
      tpmDir: join(base, "tpm"),
      nvramDir: join(base, "nvram"),
      memoryDir: join(base, "memory"),
      logDir: join(base, "log"),
      vncPorts: new PortRange(firstPort + 500, firstPort + 600),
      vncAddress: "127.0.0.1",
      taps: new Taps(),
      allowTcgForKvm: false,
      allowPassthrough: false,
      onWriteError: (e) => {
        throw e;
      },
    },
    definitions,
    statuses,
    logger: createLogger({ service: "test", level: "silent" }),
  });
  const leftImages = new LeftImages(base);
  const common = {
    ...{ guests, capabilities, leftImages, tlsDir, runDir: base },
    allowPlaintext: tlsDir === undefined,
  };
  return {
    guests,
    definitions,
    source: new MigrationSource(common),
    destination: new MigrationDestination({
      ...common,
      stateDir: base,
      ports: new PortRange(firstPort, firstPort + 60),
      dataAddress: "127.0.0.1",
      host: name,
      allowTcgForKvm: false,
    }),
  };
}
