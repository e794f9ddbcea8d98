import { sourcePath } from "@virtmesh/documents/domain/devices/disk";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { Runtime, SpicePlace, Tap, VncPlace } from "../cmdline/runtime.ts";
import { isDiscDrive } from "../host/disc-drives.ts";
import { hugepageMounts } from "../host/hugepages.ts";
import { scsiGenericDevices } from "../host/scsi-generic.ts";
import { isScreen, listenAddress } from "./graphics-ports.ts";
import type { Allotment } from "./instance.ts";

/** The monitor's socket; the one that is held and never used follows. */
const FIRST_INHERITED_FD = 3;

interface RuntimeSite {
  readonly vncAddress: string;
  readonly memoryDir: string;
  readonly allowPassthrough: boolean;
}

interface Start {
  readonly allotment: Allotment;
  readonly accelerator: "kvm" | "tcg";
  readonly incoming: boolean;
  readonly recoveryPipe?: string;
}

/** What the command line is told of this host and of what was allotted to the guest. */
export async function runtimeOf(
  definition: IdentifiedDomain,
  site: RuntimeSite,
  { allotment, accelerator, incoming, recoveryPipe }: Start,
): Promise<Runtime> {
  const { directory, taps, consoles, secondNodes, startTimeMs } = allotment;
  const discDrives = await discDrivesOf(definition);
  const generic = await scsiGenericDevices();
  return {
    accelerator,
    qmpFd: FIRST_INHERITED_FD,
    directory,
    incoming,
    ...(recoveryPipe === undefined ? {} : { recoveryPipe }),
    taps: tapsByPlace(definition, taps),
    vhost: false,
    ...screens(definition, site, allotment),
    consoleSockets: new Map(Object.entries(consoles)),
    secondNodes: new Set(secondNodes),
    startTimeMs,
    utcOffsetMs: -60_000 * new Date(startTimeMs).getTimezoneOffset(),
    tls: {},
    sasl: new Set(),
    passwords: new Set(),
    hugepages: await hugepageMounts(),
    memoryDirectory: site.memoryDir,
    handed: new Map(),
    isHostCdrom: (path) => discDrives.has(path),
    scsiGeneric: (...place) => generic.get(place.join(":")),
    allowPassthrough: site.allowPassthrough,
  };
}

/** Interfaces on the host are known by alias, since cards come and go. */
function tapsByPlace({ devices }: IdentifiedDomain, taps: Allotment["taps"]): ReadonlyMap<number, Tap> {
  return new Map(
    devices.interfaces.flatMap(({ alias = "" }, i): [number, Tap][] => {
      const tap = taps[alias];
      return tap === undefined ? [] : [[i, { ifname: tap.ifname }]];
    }),
  );
}

function screens(
  { devices }: IdentifiedDomain,
  site: RuntimeSite,
  { vncPorts }: Allotment,
): Pick<Runtime, "vnc" | "spice"> {
  const vnc = new Map<number, VncPlace>();
  const spice = new Map<number, SpicePlace>();
  for (const [index, port] of Object.entries(vncPorts)) {
    const graphics = devices.graphics[Number(index)];
    if (graphics === undefined || !isScreen(graphics)) continue;
    const places: Map<number, VncPlace | SpicePlace> = graphics.type === "vnc" ? vnc : spice;
    places.set(Number(index), { address: listenAddress(graphics, site.vncAddress), port });
  }
  return { vnc, spice };
}

async function discDrivesOf({ devices }: IdentifiedDomain): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (const disk of devices.disks) {
    const path = disk.device === "cdrom" ? sourcePath(disk) : undefined;
    if (path !== undefined && (await isDiscDrive(path))) found.add(path);
  }
  return found;
}
