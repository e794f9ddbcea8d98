import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { VirtError } from "@virtmesh/core/errors";
import type { Scope } from "@virtmesh/kit/scope";
import {
  CONTAINER_NEEDS,
  GUEST_NEEDS,
  type Need,
  QEMU_NEEDS,
  VCSIM_NEEDS,
  MACHINE_NEEDS,
} from "@virtmesh/lab/apt";
import { makeRootfs } from "@virtmesh/lab/container/rootfs";
import { buildGuest } from "@virtmesh/lab/guest/build";
import { testGuestXml } from "@virtmesh/lab/guest/xml";
import { startHypervSimulator } from "@virtmesh/lab/hyperv-simulator";
import type { RunningMesh } from "@virtmesh/lab/mesh";
import { xenGuestOf } from "@virtmesh/lab/xen/profile";
import { startVcsim } from "@virtmesh/lab/vcsim";
import type { ShownGuest } from "./tour.ts";

/** What a hypervisor needs to be brought up in. */
export interface Surroundings {
  readonly mesh: RunningMesh;
  /** Owns what is brought up beside the agents. */
  readonly scope: Scope;
  readonly progress: (text: string) => void;
}

export interface System {
  readonly needs: readonly Need[];
  /** Brings the hypervisor up with its agent in the mesh, and says which guest it can be shown with. */
  raise(surroundings: Surroundings): Promise<ShownGuest>;
}

const NAME = "tour";

/** Every hypervisor there is an agent for, in the order they are told of. */
export const SYSTEMS = {
  qemu: {
    needs: [...QEMU_NEEDS, ...GUEST_NEEDS],
    raise: async ({ mesh, scope, progress }) => {
      const image = await buildGuest({ progress, signal: scope.signal });
      const { uri } = await mesh.add("qemu", hostOf("qemu"), []);
      return { uri, name: NAME, xml: testGuestXml({ name: NAME, image }) };
    },
  },
  lxc: {
    needs: CONTAINER_NEEDS,
    raise: async ({ mesh }) => {
      const root = join(mesh.dir, "container");
      await mkdir(root);
      await makeRootfs(root);
      const { uri } = await mesh.add("lxc", hostOf("lxc"), []);
      const xml = `<domain type="lxc"><name>${NAME}</name><memory unit="MiB">64</memory><vcpu>1</vcpu>
  <os><type>exe</type><init>/sbin/init</init></os><features><privnet/></features>
  <devices><filesystem type="mount"><source dir="${root}"/><target dir="/"/></filesystem><console type="pty"/></devices>
</domain>`;
      return { uri, name: NAME, xml };
    },
  },
  xen: {
    needs: MACHINE_NEEDS,
    raise: async ({ mesh, progress }) => {
      progress("a computer with Xen, emulated");
      const { uri, machine } = await mesh.add("xen", hostOf("xen"), []);
      if (machine === undefined) throw new VirtError("INTERNAL", "the host of Xen is no machine of its own");
      const { kernel, guest } = xenGuestOf(machine.image);
      const xml = `<domain type="xen"><name>${NAME}</name><memory unit="MiB">96</memory><vcpu>1</vcpu>
  <os><type>linux</type><kernel>${kernel}</kernel><initrd>${guest}</initrd><cmdline>console=hvc0 quiet</cmdline></os>
  <devices><console type="pty"/></devices>
</domain>`;
      return { uri, name: NAME, xml };
    },
  },
  esx: {
    needs: VCSIM_NEEDS,
    raise: async ({ mesh, scope, progress }) => {
      progress("VMware's simulator");
      const { host, port, user, password, ca } = scope.own(await startVcsim({ kind: "host", guests: 2 }));
      const [passwordFile, caFile] = [join(mesh.dir, "esx-password"), join(mesh.dir, "esx-ca.pem")];
      await writeFile(passwordFile, password, { mode: 0o600 });
      await writeFile(caFile, ca);
      const server = ["--server", `${host}:${port}`, "--server-ca", caFile];
      const login = ["--user", user, "--password-file", passwordFile];
      const { uri } = await mesh.add("esx", hostOf("esx"), [...server, ...login]);
      return { uri, name: NAME, xml: bareXml("vmware") };
    },
  },
  hyperv: {
    needs: [],
    raise: async ({ mesh, scope, progress }) => {
      progress("the simulator of a Hyper-V host");
      const { host, port, user, password, ca } = scope.own(await startHypervSimulator());
      const [passwordFile, caFile] = [join(mesh.dir, "hyperv-password"), join(mesh.dir, "hyperv-ca.pem")];
      await writeFile(passwordFile, password, { mode: 0o600 });
      await writeFile(caFile, ca);
      const server = ["--server", `${host}:${port}`, "--server-ca", caFile];
      const login = ["--user", user, "--password-file", passwordFile];
      const { uri } = await mesh.add("hyperv", hostOf("hyperv"), [...server, ...login]);
      return { uri, name: NAME, xml: bareXml("hyperv") };
    },
  },
  test: {
    needs: [],
    raise: async ({ mesh }) => {
      const { uri } = await mesh.add("test", hostOf("test"), []);
      return { uri, name: NAME, xml: bareXml("test") };
    },
  },
} as const satisfies Readonly<Record<string, System>>;

export type SystemName = keyof typeof SYSTEMS;
export const SYSTEM_NAMES = Object.keys(SYSTEMS) as readonly SystemName[];

/** Each hypervisor has a host of its own in the mesh. */
export function hostOf(system: SystemName): string {
  return `host-${system}`;
}

function bareXml(type: string): string {
  return `<domain type="${type}"><name>${NAME}</name><memory unit="MiB">64</memory><vcpu>1</vcpu>
  <os><type arch="x86_64">hvm</type></os>
</domain>`;
}
