import { keyInPath, sameId } from "../msvm/object-path.ts";
import { type HostNames, isKind, type SystemSettings } from "./model.ts";
import type { DiskPlace } from "./places.ts";

/** Something that drives hang at. */
export interface Controller {
  readonly id: string;
  readonly bus: DiskPlace["bus"];
  readonly number: number;
}

export interface PlacedDisk {
  readonly place: DiskPlace;
  readonly device: "disk" | "cdrom";
  /** Path on the host; empty for a drive with nothing in it. */
  readonly file: string;
  readonly driveId: string;
  readonly mediumId: string | undefined;
}

export interface PlacedNic {
  readonly kind: "synthetic" | "emulated";
  /** `00:15:5d:00:00:01`; empty while the host has not given it one. */
  readonly mac: string;
  /** Name of the switch; empty for a card that is plugged into none. */
  readonly network: string;
  readonly portId: string;
  readonly connectionId: string | undefined;
}

/** The devices of a guest that a definition speaks of. */
export interface Hardware {
  readonly controllers: readonly Controller[];
  readonly disks: readonly PlacedDisk[];
  readonly nics: readonly PlacedNic[];
}

export const NOTHING: Hardware = { controllers: [], disks: [], nics: [] };

export function hardwareOf(settings: SystemSettings, names: HostNames): Hardware {
  const controllers = controllersOf(settings);
  return { controllers, disks: disksOf(settings, controllers), nics: nicsOf(settings, names) };
}

/** IDE controllers have their number as address, those of SCSI are counted. */
function controllersOf({ resources }: SystemSettings): readonly Controller[] {
  const ide = resources.filter((each) => isKind(each, "ide"));
  const scsi = resources.filter((each) => isKind(each, "scsi"));
  return [
    ...ide.map((each, i) => ({
      id: each.InstanceID ?? "",
      bus: "ide" as const,
      number: Number(each.Address ?? i),
    })),
    ...scsi.map((each, number) => ({ id: each.InstanceID ?? "", bus: "scsi" as const, number })),
  ];
}

function disksOf(
  { resources, media }: SystemSettings,
  controllers: readonly Controller[],
): readonly PlacedDisk[] {
  return resources.flatMap((drive) => {
    const device = isKind(drive, "diskDrive") ? "disk" : isKind(drive, "dvdDrive") ? "cdrom" : undefined;
    const controller = controllers.find(({ id }) => isAt(drive.Parent, id));
    if (device === undefined || controller === undefined) return [];
    const driveId = drive.InstanceID ?? "";
    const medium = media.find((each) => isAt(each.Parent, driveId));
    const unit = Number(drive.AddressOnParent ?? 0);
    return [
      {
        place: { bus: controller.bus, controller: controller.number, unit },
        ...{ device, driveId, file: medium?.HostResource?.[0] ?? "", mediumId: medium?.InstanceID },
      },
    ];
  });
}

function nicsOf({ ports, connections }: SystemSettings, { switches }: HostNames): readonly PlacedNic[] {
  return ports.map(({ kind, port }) => {
    const portId = port.InstanceID ?? "";
    const connection = connections.find((each) => isAt(each.Parent, portId));
    // EnabledState 3 is a cable that is pulled out; the card remembers where it was.
    const plugged = connection?.EnabledState === 3 ? undefined : connection?.HostResource?.[0];
    const id = plugged === undefined ? "" : (keyInPath(plugged, "Name") ?? "");
    return {
      ...{ kind, portId, connectionId: connection?.InstanceID },
      mac: (port.Address ?? "")
        .replace(/[-:]/g, "")
        .toLowerCase()
        .replace(/(..)(?=.)/g, "$1:"),
      network: switches.get(id.toUpperCase()) ?? id,
    };
  });
}

function isAt(parent: string | undefined, id: string): boolean {
  return parent !== undefined && sameId(keyInPath(parent, "InstanceID"), id);
}
