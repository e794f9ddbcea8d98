import { supportOf } from "@virtmesh/core/driver/driver";
import type { Channel } from "@virtmesh/kit/grpc-client";
import { driverContract } from "@virtmesh/testkit/contract/contract";
import { type GuestsKind, type RemoteAgent, remotely } from "@virtmesh/testkit/subjects";
import { unconnectedXenDriver } from "@virtmesh/xen-agent/driver";
import { XenHost } from "../integration/xen/xen-host.ts";

const PATIENCE_MS = 240_000;
/** As many as dom0 has loop devices; one is free again long before its turn comes. */
const DISKS = 8;

/** Every test of the contract for paravirtualised guests of a real Xen, in an emulated machine of its own. */
export function xenContract(way: string, connect: (xen: XenHost) => Promise<Channel>): void {
  let xen: XenHost;
  let disks = 0;
  beforeAll(async () => {
    xen = await XenHost.start();
    // Xen's script takes a second more for a file, which it makes a device itself.
    const make = `truncate -s 1M $n.img && losetup /dev/loop$n $n.img`;
    await xen.machine.exec([
      ...["sh", "-ec"],
      `cd ${xen.host.imageDir}; for n in $(seq 0 ${DISKS - 1}); do ${make}; done`,
    ]);
  }, 500_000);
  // Each is as large as a guest's memory, and dom0 has its files in its own.
  const written: string[] = [];
  afterEach(async () => {
    if (written.length > 0) await xen.machine.exec(["rm", "-f", ...written.splice(0)]);
  });
  afterAll(() => xen?.[Symbol.asyncDispose](), 60_000);

  /** Paravirtualised guests of a real Xen, in an emulated machine. */
  const kind: GuestsKind = {
    name: "xen",
    guestsReact: true,
    disks: { bus: "xen", first: "xvda", second: "xvdb" },
    systemUp: async (name, times) => await xen.up(name, times),
    newPath: (name) => {
      const path = `${xen.host.imageDir}/${name}.save`;
      written.push(path);
      return path;
    },
    diskXml: async (target) => diskXml(target),
    guestXml: async (name, uuid) =>
      xen.xml(name, {
        head: uuid === undefined ? "" : `<uuid>${uuid}</uuid>`,
        devices: diskXml("xvda"),
      }),
  };

  function diskXml(target: string): string {
    disks += 1;
    return `<disk type='block' device='disk'><source dev='/dev/loop${disks % DISKS}'/><target dev='${target}' bus='xen'/></disk>`;
  }

  driverContract(
    remotely(kind, way, (): RemoteAgent => {
      const { uri, name, imageDir } = xen.host;
      return {
        ...{ uri, host: name, dir: imageDir, patienceMs: PATIENCE_MS, connect: () => connect(xen) },
        support: new Set(supportOf(unconnectedXenDriver())),
      };
    }),
  );
}
