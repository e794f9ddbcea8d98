import type { DomainDefinition } from "../../model.ts";
import { assignCcwNumbers } from "../addresses/ccw.ts";
import { assignDimmSlots } from "../addresses/dimm.ts";
import { assignSerialPorts } from "../addresses/virtio-serial.ts";
import { assignZpciIds } from "../addresses/zpci.ts";
import { numberPorts, numberSerial, numberSerials, mirrorConsole, pairConsole } from "../common/consoles.ts";
import {
  assignControllerIndexes,
  checkDoubledControllers,
  checkUsbControllers,
  completeCompanions,
  orderControllers,
} from "../common/controllers.ts";
import {
  checkScsiHostdev,
  completePrimaryVideo,
  completeSmallDevices,
  completeVideo,
  orderVideos,
  placeScsiHostdev,
} from "../common/devices.ts";
import { completeCpuWords } from "../common/cpu.ts";
import { completeGraphics } from "../common/graphics.ts";
import { completeCells } from "../common/numa.ts";
import { completeDisk, orderDisks, withLun } from "../common/disks.ts";
import { addImpliedControllers, addImpliedVideo, addScsiHostControllers } from "../common/implied.ts";
import { completeMachine } from "../common/machine.ts";
import { draftOf } from "../draft.ts";
import { assignPciPlaces } from "../pci/assign.ts";
import { completePciAddresses } from "../pci/place.ts";
import type { DomainDraft } from "../walk.ts";
import { walk, walkList } from "../walk.ts";
import type { HostAudio } from "./audio.ts";
import { addDefaultAudio } from "./audio.ts";
import { completeChannel, completeSerial } from "./chardevs.ts";
import { completeCpu, setDefaultCpu } from "./cpu.ts";
import { addDefaultDevices } from "./default-devices.ts";
import {
  completeController,
  completeInterface,
  alignMemory,
  completePanic,
  completeQemuDisk,
  completeShmem,
  completeTpm,
  defaultVideoType,
} from "./devices.ts";
import { boardOf, isPpc64, supportsPci } from "./machine.ts";
import type { Board } from "./machine.ts";
import { chooseAddressKinds } from "./address-kinds.ts";
import { addSpaprAddresses } from "./spapr.ts";
import {
  checkTseg,
  checkVcpuOrder,
  chooseGic,
  completeNodes,
  completeQemuMachine,
  pinMachine,
} from "./system.ts";
import type { HostDevices, QemuTraits } from "./traits.ts";
import { UNKNOWN_HOST } from "./traits.ts";
import { assignUsbPlaces } from "./usb.ts";

export interface QemuCompletion {
  readonly traits: QemuTraits;
  readonly host?: HostDevices;
  /** The guest has never run: what its hardware is can still be chosen freely. */
  readonly newDomain?: boolean;
  /** The definition is one to start from, as opposed to that of a running guest. */
  readonly inactive?: boolean;
  readonly audio?: HostAudio;
  /** Where the agent makes sockets for channels; a path there is none of the definition. */
  readonly channelDirectory?: string;
  readonly newUuid?: () => string;
}

/**
 * Writes down everything that a definition leaves to QEMU and to conventions: default models, implied controllers
 * and devices, and the address of every device, so that the guest finds the same hardware at every start, on every
 * host, and with every QEMU. What is written down already stays; completing twice changes no device.
 * @throws XML_INVALID, CONFIG_UNSUPPORTED with the path of what makes no sense
 */
export function completeQemuDomain(
  definition: DomainDefinition,
  completion: QemuCompletion,
): DomainDefinition {
  const draft = draftOf(definition);
  const situation: Situation = {
    traits: completion.traits,
    host: completion.host ?? UNKNOWN_HOST,
    newDomain: completion.newDomain ?? false,
    inactive: completion.inactive ?? true,
    channelDirectory: completion.channelDirectory,
    newUuid: completion.newUuid ?? (() => crypto.randomUUID()),
  };
  order(draft);
  completeQemuMachine(draft, situation.traits);
  assignControllerIndexes(draft);
  const arch = draft.os.type.arch ?? "";
  const board = boardOf(arch, draft.os.type.machine ?? "");
  addDefaultDevices(draft, board, situation.traits);
  addDefaultAudio(draft, completion.audio);
  pinMachine(draft, situation.traits);
  setDefaultCpu(draft, situation.traits);
  chooseGic(draft, situation.traits);
  checkVcpuOrder(draft);
  completeCpu(draft, situation.traits);
  checkTseg(draft);
  completeCells(draft);
  completeNodes(draft);
  numberSerials(draft);
  if (draft.genid !== undefined) draft.genid.uuid ??= situation.newUuid();
  completeDevices(draft, board, situation);
  completeMachine(draft, situation.newDomain);
  checkDoubledControllers(draft);
  pairConsole(draft);
  addImpliedControllers(draft);
  addImpliedVideo(draft);
  completeAddedDevices(draft, board, situation);
  assignAddresses(draft, board, situation);
  completePciAddresses(draft);
  mirrorConsole(draft);
  completeGraphics(draft, situation.inactive);
  completeCpuWords(draft);
  return draft;
}

interface Situation {
  readonly traits: QemuTraits;
  readonly host: HostDevices;
  readonly newDomain: boolean;
  readonly inactive: boolean;
  readonly channelDirectory: string | undefined;
  readonly newUuid: () => string;
}

/** Brings devices into the order in which they are counted. */
function order(draft: DomainDraft): void {
  orderDisks(draft);
  checkUsbControllers(draft);
  completeCompanions(draft);
  orderControllers(draft);
  orderVideos(draft);
  addScsiHostControllers(draft);
  numberPorts(draft);
}

function completeDevices(draft: DomainDraft, board: Board, situation: Situation): void {
  const arch = draft.os.type.arch ?? "";
  const { traits } = situation;
  for (const { device, path } of walkList(draft, "disks")) {
    completeQemuDisk(device);
    completeDisk(draft, device, path, 7);
  }
  for (const { device } of walkList(draft, "interfaces")) completeInterface(device, arch, board, traits);
  for (const { device, path } of walkList(draft, "hostdevs")) {
    if (device.type === "mdev" && device.model === "vfio-pci" && traits.vfioDisplay) device.display ??= false;
    if (device.type !== "scsi") continue;
    if (device.source.protocol === "iscsi") device.source.name = withLun(device.source.name);
    if (device.address === undefined) placeScsiHostdev(draft, device, 7);
    checkScsiHostdev(draft, device, path);
  }
  for (const { device } of walkList(draft, "videos")) completeQemuVideo(draft, device, board, traits);
  for (const { device, path } of walkList(draft, "controllers"))
    completeController(draft, device, path, board, situation);
  for (const { device } of walkList(draft, "serials")) {
    completeSerial(device, arch, board);
    numberSerial(draft, device);
  }
  for (const { device } of walkList(draft, "shmems")) completeShmem(device);
  for (const { device } of walkList(draft, "tpms")) completeTpm(device, arch, board);
  for (const { device } of walkList(draft, "panics")) completePanic(device, arch, board);
  for (const { device, path } of walkList(draft, "memories")) {
    if (isPpc64(arch) && device.model === "nvdimm") device.uuid ??= situation.newUuid();
    if (isPpc64(arch) && situation.newDomain) alignMemory(device, path);
  }
  for (const { device } of walkList(draft, "channels")) completeChannel(device, situation);
  for (const { device } of walkList(draft, "vsocks")) device.model ??= "virtio";
  completeSmallDevices(draft);
}

/** The same for what was added after it. */
function completeAddedDevices(draft: DomainDraft, board: Board, situation: Situation): void {
  completePrimaryVideo(draft);
  const [video] = draft.devices.videos;
  if (video !== undefined) completeQemuVideo(draft, video, board, situation.traits);
  const [serial] = draft.devices.serials;
  if (serial !== undefined) {
    completeSerial(serial, draft.os.type.arch ?? "", board);
    numberSerial(draft, serial);
  }
  for (const { device, path } of walkList(draft, "controllers")) {
    if (device.type === "scsi" && device.model === undefined)
      completeController(draft, device, path, board, situation);
  }
}

function completeQemuVideo(
  draft: DomainDraft,
  video: DomainDraft["devices"]["videos"][number],
  board: Board,
  traits: QemuTraits,
): void {
  const model = (video.model ??= { type: "default" });
  if (model.type === "default") model.type = defaultVideoType(draft.os.type.arch ?? "", board, traits);
  if (model.type === "qxl") model.vgamem = model.vgamem || 16384;
  completeVideo(draft, video);
}

function assignAddresses(draft: DomainDraft, board: Board, situation: Situation): void {
  const { traits } = situation;
  const arch = draft.os.type.arch ?? "";
  const { controllers } = draft.devices;
  const serialControllers = controllers.flatMap((c) =>
    c.type === "virtio-serial" ? [{ index: c.index ?? 0, ports: c.ports }] : [],
  );
  const virtio = <D extends { readonly device: { target?: { type?: string } } }>(list: readonly D[]) =>
    list.filter(({ device }) => device.target?.type === "virtio");
  assignSerialPorts(
    serialControllers,
    virtio(walkList(draft, "consoles")),
    virtio(walkList(draft, "channels")),
    (index) => controllers.push({ type: "virtio-serial", index }),
  );
  addSpaprAddresses(draft, board);
  chooseAddressKinds(draft, board, traits);
  if (board === "s390-ccw") assignCcwNumbers(walk(draft));
  const pci = supportsPci(arch, draft.os.type.machine ?? "", traits.devices.has("gpex-pcihost"));
  assignPciPlaces(draft, { board, supportsPci: pci, traits, host: situation.host });
  if (traits.devices.has("zpci")) assignZpciIds(walk(draft));
  assignUsbPlaces(draft, situation.newDomain);
  assignDimmSlots(draft);
}
