import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { supportOf } from "@virtmesh/core/driver/driver";
import { createQemuDriver } from "@virtmesh/qemu-agent/driver";
import { unconnectedEsxDriver } from "@virtmesh/esx-agent/driver";
import { unconnectedHypervDriver } from "@virtmesh/hyperv-agent/driver";
import { createLxcDriver } from "@virtmesh/lxc-agent/driver";
import { unconnectedXenDriver } from "@virtmesh/xen-agent/driver";
import { silentLogger } from "@virtmesh/mesh/logger";
import { createTestDriver } from "@virtmesh/test-driver/test-driver";
import type { DriverSupport } from "./support-document.ts";

/** Every driver of the project, made and asked. Needs what the drivers need: QEMU and LXC. */
export async function supportOfDrivers(): Promise<DriverSupport[]> {
  const dir = await mkdtemp(join(tmpdir(), "vm-support-"));
  try {
    await using qemu = await createQemuDriver({
      stateDir: join(dir, "state"),
      runDir: join(dir, "run"),
      hostName: "host-a",
      dataAddress: "127.0.0.1",
      logger: silentLogger,
      signal: new AbortController().signal,
    });
    await using lxc = await createLxcDriver({
      stateDir: join(dir, "lxc"),
      runDir: join(dir, "run"),
      logger: silentLogger,
    });
    await using xen = unconnectedXenDriver();
    await using esx = unconnectedEsxDriver();
    await using hyperv = unconnectedHypervDriver();
    await using test = createTestDriver();
    return [qemu, lxc, xen, esx, hyperv, test].map((driver) => ({
      name: driver.name,
      methods: new Set(supportOf(driver)),
    }));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
