import type { DomainDraft, Walked } from "../walk.ts";
import { walk, walkList } from "../walk.ts";
import { completePciAddresses } from "../pci/place.ts";
import { completeChardevSources } from "./chardevs.ts";
import { mirrorConsole, numberPorts, numberSerial, numberSerials, pairConsole } from "./consoles.ts";
import {
  assignControllerIndexes,
  checkDoubledControllers,
  checkUsbControllers,
  completeCompanions,
  orderControllers,
} from "./controllers.ts";
import { completeCpuWords } from "./cpu.ts";
import {
  checkScsiHostdev,
  completePrimaryVideo,
  completeSmallDevices,
  completeVideo,
  orderVideos,
  placeScsiHostdev,
} from "./devices.ts";
import { completeDisk, orderDisks, withLun } from "./disks.ts";
import { completeGraphics } from "./graphics.ts";
import { addImpliedControllers, addImpliedVideo, addScsiHostControllers } from "./implied.ts";
import { completeMachine } from "./machine.ts";
import { completeCells } from "./numa.ts";

/** What a hypervisor adds to what holds for all: each part may be left out. */
export interface HypervisorRules {
  /** The machine and its implied devices, before devices are looked at one by one. */
  machine?(draft: DomainDraft): void;
  /** One device, before what holds for it everywhere. It may come twice, and for devices that were added. */
  device?(draft: DomainDraft, walked: Walked): void;
  /** Addresses, once all devices are there. */
  places?(draft: DomainDraft): void;
}

export interface Circumstances {
  /** The guest has never run: what its hardware is can still be chosen freely. */
  readonly newDomain: boolean;
  /** The definition is one to start from, as opposed to that of a running guest. */
  readonly inactive: boolean;
}

/** Writes down what a definition means, in the order in which each step needs the ones before it. */
export function completeDraft(
  draft: DomainDraft,
  rules: HypervisorRules,
  circumstances: Circumstances,
): void {
  orderDisks(draft);
  checkUsbControllers(draft);
  completeCompanions(draft);
  orderControllers(draft);
  orderVideos(draft);
  addScsiHostControllers(draft);
  numberPorts(draft);
  assignControllerIndexes(draft);
  rules.machine?.(draft);
  completeCells(draft);
  numberSerials(draft);
  for (const walked of [...walk(draft), ...firstConsole(draft)]) completeDevice(draft, walked, rules);
  completeSmallDevices(draft);
  completeChardevSources(draft);
  completeMachine(draft, circumstances.newDomain);
  checkDoubledControllers(draft);
  pairConsole(draft);
  addImpliedControllers(draft);
  addImpliedVideo(draft);
  completePrimaryVideo(draft);
  for (const walked of added(draft)) completeDevice(draft, walked, rules);
  rules.places?.(draft);
  completePciAddresses(draft);
  mirrorConsole(draft);
  completeGraphics(draft, circumstances.inactive);
  completeCpuWords(draft);
}

/** The first console, which is left out of the walk when it may be a serial port once more. */
function firstConsole(draft: DomainDraft): readonly Walked[] {
  const [device] = draft.devices.consoles;
  const walked = walkList(draft, "consoles").some((w) => w.device === device);
  return device === undefined || walked ? [] : [{ list: "consoles", device, path: "devices/console[1]" }];
}

/** Devices that may have been implied by others. */
function added(draft: DomainDraft): readonly Walked[] {
  return [
    ...walkList(draft, "videos").slice(0, 1),
    ...walkList(draft, "serials").slice(0, 1),
    ...walkList(draft, "controllers").filter(
      ({ device }) => device.type === "scsi" && device.model === undefined,
    ),
  ];
}

/** Disks on a narrow SCSI bus: as many as adapters of PCs have. */
const UNITS_PER_BUS = 7;

function completeDevice(draft: DomainDraft, walked: Walked, rules: HypervisorRules): void {
  rules.device?.(draft, walked);
  switch (walked.list) {
    case "disks":
      completeDisk(draft, walked.device, walked.path, UNITS_PER_BUS);
      break;
    case "hostdevs":
      completeScsiHostdev(draft, walked);
      break;
    case "videos":
      walked.device.model ??= { type: "default" };
      completeVideo(draft, walked.device);
      break;
    case "serials":
      numberSerial(draft, walked.device);
      break;
    case "consoles":
      walked.device.target = { ...walked.device.target, type: walked.device.target?.type ?? "serial" };
      break;
    default:
      break;
  }
}

function completeScsiHostdev(
  draft: DomainDraft,
  { device, path }: Extract<Walked, { readonly list: "hostdevs" }>,
): void {
  if (device.type !== "scsi") return;
  if (device.source.protocol === "iscsi") device.source.name = withLun(device.source.name);
  if (device.address === undefined) placeScsiHostdev(draft, device, UNITS_PER_BUS);
  checkScsiHostdev(draft, device, path);
}
