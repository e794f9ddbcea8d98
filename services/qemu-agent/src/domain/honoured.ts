import { VirtError } from "@virtmesh/core/errors";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";

/**
 * What a definition asks of the host beside QEMU's arguments and this agent does not do yet: a guest is never started
 * with half of what it is to have.
 * @throws CONFIG_UNSUPPORTED with name, place and remedy
 */
export function refuseNotHonoured(definition: IdentifiedDomain): void {
  for (const [place, found, remedy] of [...ofHost(definition), ...ofDevices(definition)]) {
    if (found !== undefined && found !== false) throw refusal(definition.name, place, remedy);
  }
}

type Refused = readonly [place: string, found: unknown, remedy: string];

const LIMITS = "limits and shares of the host are not set by this agent; remove the element";

/** Shares, limits and places on the host. */
function ofHost(definition: IdentifiedDomain): readonly Refused[] {
  const { cputune, numatune, memoryBacking, vcpu, vcpus, features } = definition;
  const auto = numatune?.memory?.placement === "auto" || vcpu.placement === "auto";
  const restrictive = [numatune?.memory, ...(numatune?.memnodes ?? [])].some(
    (m) => m?.mode === "restrictive",
  );
  const hotplugged = vcpus?.some((one) => one.enabled && one.hotpluggable === true);
  return [
    ["blkiotune", definition.blkiotune, LIMITS],
    ["memtune", definition.memtune, LIMITS],
    ["cputune", cputune, LIMITS],
    ["numatune", auto, "a place on the host is not chosen by this agent; name the nodes"],
    ["numatune", restrictive, "memory is not moved between the host's nodes by this agent; use mode strict"],
    [
      "vcpus",
      hotplugged,
      "processors that are plugged in at start are not supported; leave out hotpluggable",
    ],
    ["perf", definition.perf, "counters of the host are not kept by this agent; remove the element"],
    [
      "seclabel",
      definition.seclabels.some((l) => l.type === "static"),
      "fixed labels are not set; use dynamic",
    ],
    ["memoryBacking/locked", memoryBacking?.locked, "the limit of locked memory is not raised by this agent"],
    ["features/msrs", features?.msrs, "unknown registers are a setting of the host's kernel"],
    ["launchSecurity", definition.launchSecurity, "memory encryption is not set up by this agent"],
  ];
}

const HELPER = "the program that does it is not started by this agent";
const SECRET = "the agent keeps no secrets yet; use storage that needs none";

/** Devices that need a program of their own, a secret or a device of the host made ready. */
function ofDevices({ devices, os }: IdentifiedDomain): readonly Refused[] {
  const each = <T>(list: readonly T[], element: string, of: (one: T, path: string) => readonly Refused[]) =>
    list.flatMap((one, i) => of(one, `devices/${element}[${i + 1}]`));
  return [
    [
      "os/nvram/source",
      os.nvram?.type === "network",
      "UEFI's variables on a network are not prepared; use a file",
    ],
    ...each(devices.disks, "disk", (disk, path) => [
      [`${path}/transient`, disk.transient, "changes are not thrown away by this agent; use a snapshot"],
      [`${path}/auth`, disk.auth ?? disk.source?.auth, SECRET],
      [`${path}/encryption`, disk.encryption ?? disk.source?.encryption, SECRET],
      [`${path}/source/cookies`, disk.type === "network" ? disk.source?.cookies : undefined, SECRET],
      [`${path}/source/reservations`, disk.source?.reservations?.managed, HELPER],
      [
        `${path}/source/@managed`,
        disk.type === "nvme" && disk.source?.managed === true,
        "bind the device to vfio-pci yourself",
      ],
    ]),
    ...each(devices.videos, "video", (video, path) => [
      [`${path}/driver/@name`, video.driver?.name === "vhostuser", HELPER],
    ]),
    ...each(devices.hostdevs, "hostdev", (hostdev, path) => [
      [
        `${path}/@managed`,
        hostdev.type === "pci" && hostdev.managed === true,
        'bind the device to vfio-pci yourself, and use managed="no"',
      ],
      [
        `${path}/source/auth`,
        hostdev.type === "scsi" && hostdev.source.protocol === "iscsi" ? hostdev.source.auth : undefined,
        SECRET,
      ],
    ]),
    ...each(devices.watchdogs, "watchdog", (watchdog, path) => [
      [`${path}/@action`, watchdog.action === "dump", "dumping the guest by a watchdog is not supported"],
    ]),
    ...each(devices.interfaces, "interface", (nic, path) => [
      [`${path}/vlan`, nic.vlan, "the host's side is not tagged by this agent; use a bridge that does it"],
      [
        `${path}/virtualport`,
        nic.virtualport,
        "switches of their own are not set up by this agent; use a bridge",
      ],
      [`${path}/bandwidth`, nic.bandwidth, LIMITS],
      [`${path}/filterref`, nic.filterref, "filters of the network are not set up by this agent"],
      [`${path}/port`, nic.port, "isolated ports are not set up by this agent"],
      [`${path}/coalesce`, nic.coalesce, LIMITS],
      [`${path}/guest`, nic.guest, "names inside of guests are those of containers"],
      [`${path}/route`, nic.routes[0], "routes of the host's side are not set by this agent"],
      [
        `${path}/ip`,
        nic.type === "user" ? undefined : nic.ips[0],
        "addresses of the host's side are not set by this agent",
      ],
      [
        `${path}/backend`,
        nic.type === "user" ? nic.backend?.type === "passt" : (nic.backend?.vhost ?? nic.backend?.tap),
        HELPER,
      ],
      [`${path}/portForward`, nic.portForwards[0], `only passt forwards ports: ${HELPER}`],
      [
        `${path}/@managed`,
        nic.type === "hostdev" && nic.managed,
        'bind the device to vfio-pci yourself, and use managed="no"',
      ],
      [
        `${path}/script`,
        nic.type === "ethernet" && nic.script !== "" ? nic.script : undefined,
        "no scripts are run; connect the interface yourself",
      ],
    ]),
  ];
}

function refusal(guest: string, path: string, remedy: string): VirtError {
  const place = `/domain/${path}`;
  return new VirtError(
    "CONFIG_UNSUPPORTED",
    `guest "${guest}" cannot be started as it is defined: ${remedy} (${place})`,
    {
      metadata: { path: place },
      violations: [{ field: place, description: remedy }],
    },
  );
}
