import { readlink } from "node:fs/promises";
import { release } from "node:os";
import { runTool } from "@virtmesh/agent/machine/run-tool";
import type { Call } from "@virtmesh/core/call";
import type {
  AddressSource,
  GuestInfoFacet,
  GuestInterface,
  GuestSystem,
} from "@virtmesh/core/driver/guest-info";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import type { Containers } from "../containers/containers.ts";

/** What `ip -json address` says of one interface. */
interface IpInterface {
  readonly ifname: string;
  readonly link_type: string;
  readonly address?: string;
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number }[];
}

/** What the host sees of a container's inside, without running anything of it. */
export class LxcGuestInfo implements GuestInfoFacet {
  readonly #containers: Containers;

  constructor(containers: Containers) {
    this.#containers = containers;
  }

  async addresses(uuid: DomainUuid, source: AddressSource, c: Call): Promise<readonly GuestInterface[]> {
    if (source !== "best") {
      throw new VirtError(
        "UNSUPPORTED",
        `addresses of containers are read where the container has them, not from "${source}"; ask for the best source`,
      );
    }
    const { pid } = this.#containers.require(uuid).running.init;
    // One without a network of its own has its host's, whose addresses are not the container's.
    if ((await readlink(`/proc/${pid}/ns/net`)) === (await readlink("/proc/self/ns/net"))) return [];
    const text = await this.#within(uuid, "--net", ["ip", "-json", "address"], c);
    return interfacesIn(JSON.parse(text) as readonly IpInterface[]);
  }

  async system(uuid: DomainUuid, c: Call): Promise<GuestSystem> {
    const hostname = (await this.#within(uuid, "--uts", ["uname", "-n"], c)).trim();
    // Which distribution it is, its own files say; links among them may lead out of it, so they are not read.
    const unknown = { osId: "", osName: "", osVersion: "", timezone: "", tools: "" };
    return { ...unknown, hostname, kernel: release() };
  }

  /** Runs a program of the host in one namespace of a container. */
  async #within(uuid: DomainUuid, namespace: string, argv: readonly string[], c: Call): Promise<string> {
    const { pid } = this.#containers.require(uuid).running.init;
    return await runTool("nsenter", ["--target", String(pid), namespace, ...argv], { signal: c.signal });
  }
}

/** Its cards; the loopback every container has is left out. */
export function interfacesIn(found: readonly IpInterface[]): readonly GuestInterface[] {
  return found
    .filter((each) => each.link_type === "ether")
    .map(({ ifname, address, addr_info }) => ({
      name: ifname,
      mac: address ?? "",
      addresses: (addr_info ?? []).flatMap(({ local, prefixlen }) =>
        local === undefined ? [] : [{ address: local, prefix: prefixlen ?? 0 }],
      ),
    }));
}
