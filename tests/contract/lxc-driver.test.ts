import { mkdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ownCall } from "@virtmesh/core/call";
import type { Driver } from "@virtmesh/core/driver/driver";
import { CONTAINER_NEEDS, ensurePackages } from "@virtmesh/lab/apt";
import { makeRootfs } from "@virtmesh/lab/container/rootfs";
import { createLxcDriver } from "@virtmesh/lxc-agent/driver";
import { driverContract } from "@virtmesh/testkit/contract/contract";
import { type DriverKind, inProcess, overGrpc, throughGateway } from "@virtmesh/testkit/subjects";
import { openGateway } from "./gateway.ts";

jest.setTimeout(120_000);

/** Real containers of LXC, each with files of its own. */
const lxc: DriverKind = {
  name: "lxc",
  guestsReact: true,
  createDriver: async ({ stateDir, runDir, logger }) => {
    await ensurePackages(CONTAINER_NEEDS);
    return withoutLeftovers(await createLxcDriver({ stateDir, runDir, logger }));
  },
  diskXml: async (target, dir) => diskXml(target, await image(dir)),
  // What is on a disk is not part of a container's files.
  snapshotXml: (xml) => xml.replace(/<disk[\s\S]*?<\/disk>/, ""),
  guestXml: async (name, uuid, dir) => {
    const root = join(dir, "roots", crypto.randomUUID());
    await mkdir(root, { recursive: true });
    await makeRootfs(root);
    return `<domain type='lxc'>
      <name>${name}</name>
      ${uuid === undefined ? "" : `<uuid>${uuid}</uuid>`}
      <memory unit='MiB'>64</memory>
      <os><type>exe</type><init>/sbin/init</init></os>
      <features><privnet/></features>
      <devices>
        ${diskXml("vda", await image(dir))}
        <filesystem type='mount'><source dir='${root}'/><target dir='/'/></filesystem>
        <console type='pty'/>
      </devices>
    </domain>`;
  },
};

async function image(dir: string): Promise<string> {
  const path = join(dir, `${crypto.randomUUID()}.img`);
  await writeFile(path, "");
  await truncate(path, 1 << 20);
  return path;
}

function diskXml(target: string, path: string): string {
  return `<disk type='file'><driver name='loop' type='raw'/><source file='${path}'/><target dev='${target}' bus='virtio'/></disk>`;
}

/** Containers outlive an agent, but not a test. */
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

driverContract(inProcess(lxc));
driverContract(overGrpc(lxc));
driverContract(throughGateway(lxc, openGateway));
