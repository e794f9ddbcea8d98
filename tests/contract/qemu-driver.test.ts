import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ownCall } from "@virtmesh/core/call";
import type { Driver } from "@virtmesh/core/driver/driver";
import { createQemuDriver } from "@virtmesh/qemu-agent/driver";
import { driverContract } from "@virtmesh/testkit/contract/contract";
import { type DriverKind, inProcess, overGrpc, throughGateway } from "@virtmesh/testkit/subjects";
import { openGateway } from "./gateway.ts";

jest.setTimeout(120_000);

/** Real QEMU. A guest without a kernel: its firmware looks for something to boot. */
const qemu: DriverKind = {
  name: "qemu",
  guestsReact: false,
  createDriver: async ({ host, stateDir, runDir, dataAddress, logger, signal }) =>
    withoutLeftovers(
      await createQemuDriver({ hostName: host, stateDir, runDir, dataAddress, logger, signal }),
    ),
  diskXml: async (target, dir) => {
    const image = join(dir, `${target}-${crypto.randomUUID()}.img`);
    await writeFile(image, "");
    await truncate(image, 1 << 20);
    return `<disk type='file'><driver name='qemu' type='raw'/><source file='${image}'/><target dev='${target}' bus='virtio'/></disk>`;
  },
  guestXml: async (name, uuid, dir) => {
    const image = join(dir, `${name}.img`);
    await writeFile(image, "");
    await truncate(image, 1 << 20);
    return `<domain type='qemu'>
      <name>${name}</name>
      ${uuid === undefined ? "" : `<uuid>${uuid}</uuid>`}
      <memory unit='MiB'>32</memory>
      <os><type arch='x86_64' machine='q35'>hvm</type></os>
      <features><acpi/></features>
      <devices>
        <disk type='file'>
          <driver name='qemu' type='raw'/>
          <source file='${image}'/><target dev='vda' bus='virtio'/>
        </disk>
        <serial type='pty'/>
        <video><model type='vga'/></video>
      </devices>
    </domain>`;
  },
};

/** Guests outlive an agent, but not a test. */
function withoutLeftovers(driver: Driver): Driver {
  return {
    ...driver,
    [Symbol.asyncDispose]: async () => {
      for (const { uuid, startTimeMs } of driver.domains.list()) {
        if (startTimeMs > 0) await driver.domains.destroy(uuid, ownCall());
      }
      await driver[Symbol.asyncDispose]();
    },
  };
}

driverContract(inProcess(qemu));
driverContract(overGrpc(qemu));
driverContract(throughGateway(qemu, openGateway));
