import { readdir } from "node:fs/promises";
import { VirtError } from "@virtmesh/core/errors";
import type { Interface } from "@virtmesh/documents/domain/devices/interface";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { runTool } from "@virtmesh/agent/machine/run-tool";

/** The host's end of a network card. */
export interface HostTap {
  readonly ifname: string;
  /** The agent made it, so it goes with the guest. */
  readonly made: boolean;
}

const NAME_PREFIX = "vnet";

/** Makes the host's ends of network cards, named vnet0, vnet1, ... */
export class Taps {
  /** Names given out that are not devices yet. */
  readonly #reserved = new Set<string>();

  /**
   * The taps of a guest by alias of the card. What was made is gone again when it throws.
   * @throws CONFIG_UNSUPPORTED for kinds of network this agent cannot make; HOST_SETUP
   */
  async make(definition: IdentifiedDomain): Promise<Readonly<Record<string, HostTap>>> {
    const made: Record<string, HostTap> = {};
    try {
      for (const nic of definition.devices.interfaces) {
        const place = hostPlace(definition.name, nic);
        if (place === undefined) continue;
        made[nic.alias ?? ""] = place.existing
          ? { ifname: place.existing, made: false }
          : await this.#make(nic, place.bridge);
      }
    } catch (e) {
      await this.remove(made);
      throw e;
    }
    return made;
  }

  async remove(taps: Readonly<Record<string, HostTap>>): Promise<void> {
    const lines = Object.values(taps)
      .filter((tap) => tap.made)
      .map((tap) => `link delete dev ${tap.ifname}\n`);
    // -force: one that is gone already must not keep the others.
    if (lines.length > 0)
      await runTool("ip", ["-force", "-batch", "-"], { input: lines.join("") }).catch(() => "");
  }

  async #make(nic: Interface, bridge: string | undefined): Promise<HostTap> {
    const ifname = await this.#freeName(nic.target?.dev);
    try {
      const mtu = nic.mtu === undefined ? "" : ` mtu ${nic.mtu}`;
      const master = bridge === undefined ? "" : ` master ${bridge}`;
      const input = `tuntap add dev ${ifname} mode tap\nlink set dev ${ifname}${mtu}${master} up\n`;
      await runTool("ip", ["-batch", "-"], { input });
      return { ifname, made: true };
    } catch (e) {
      await this.remove({ 0: { ifname, made: true } });
      throw e;
    } finally {
      this.#reserved.delete(ifname);
    }
  }

  async #freeName(wanted: string | undefined): Promise<string> {
    if (wanted !== undefined && !wanted.startsWith(NAME_PREFIX)) return wanted;
    const there = new Set(await readdir("/sys/class/net"));
    for (let n = 0; ; n += 1) {
      const name = `${NAME_PREFIX}${n}`;
      if (there.has(name) || this.#reserved.has(name)) continue;
      this.#reserved.add(name);
      return name;
    }
  }
}

/** Where a card is connected on the host; undefined for one that QEMU serves by itself. */
function hostPlace(
  guest: string,
  nic: Interface,
): { readonly bridge?: string; readonly existing?: string } | undefined {
  switch (nic.type) {
    case "user":
    case "internal":
    case "null":
    case "mcast":
    case "server":
    case "client":
    case "udp":
    case "vhostuser":
    case "vdpa":
    case "hostdev":
      return undefined;
    case "bridge":
      return nic.source?.bridge === undefined ? {} : { bridge: nic.source.bridge };
    case "ethernet": {
      const { dev, managed } = nic.target ?? {};
      return dev !== undefined && managed === false ? { existing: dev } : {};
    }
    case "network":
      if (nic.source.bridge !== undefined) return { bridge: nic.source.bridge };
      throw unsupported(guest, `network "${nic.source.network}"`);
    case "direct":
      throw unsupported(guest, `macvtap on "${nic.source.dev}"`);
    case "vds":
      throw unsupported(guest, `an interface of type ${nic.type}`);
  }
}

function unsupported(guest: string, what: string): VirtError {
  return new VirtError(
    "CONFIG_UNSUPPORTED",
    `guest "${guest}" wants ${what}, which this agent cannot make; connect the interface to a bridge of the host`,
  );
}
