import type { DomainDefinition } from "../../model.ts";
import { assignCcwNumbers } from "../addresses/ccw.ts";
import { assignDimmSlots } from "../addresses/dimm.ts";
import { assignSerialPorts } from "../addresses/virtio-serial.ts";
import { assignZpciIds } from "../addresses/zpci.ts";
import type { HypervisorRules } from "../common/complete.ts";
import { completeDraft } from "../common/complete.ts";
import { draftOf } from "../draft.ts";
import { assignPciPlaces } from "../pci/assign.ts";
import type { DomainDraft, Walked } from "../walk.ts";
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
  completeQemuVideo,
} from "./devices.ts";
import { boardOf as boardNamed, isPpc64, supportsPci } from "./machine.ts";
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
  completeDraft(draft, new QemuRules(situation, completion.audio), situation);
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

class QemuRules implements HypervisorRules {
  private readonly situation: Situation;
  private readonly audio: HostAudio | undefined;

  constructor(situation: Situation, audio: HostAudio | undefined) {
    this.situation = situation;
    this.audio = audio;
  }

  machine(draft: DomainDraft): void {
    const { traits, newUuid } = this.situation;
    completeQemuMachine(draft, traits);
    addDefaultDevices(draft, boardOf(draft), traits);
    addDefaultAudio(draft, this.audio);
    pinMachine(draft, traits);
    setDefaultCpu(draft, traits);
    chooseGic(draft, traits);
    checkVcpuOrder(draft);
    completeCpu(draft, traits);
    checkTseg(draft);
    completeNodes(draft);
    if (draft.genid !== undefined) draft.genid.uuid ??= newUuid();
  }

  device(draft: DomainDraft, walked: Walked): void {
    const arch = draft.os.type.arch ?? "";
    const board = boardOf(draft);
    const { traits, newDomain, newUuid } = this.situation;
    switch (walked.list) {
      case "disks":
        completeQemuDisk(walked.device);
        break;
      case "interfaces":
        completeInterface(walked.device, arch, board, traits);
        break;
      case "hostdevs":
        if (walked.device.type === "mdev" && walked.device.model === "vfio-pci" && traits.vfioDisplay)
          walked.device.display ??= false;
        break;
      case "videos":
        completeQemuVideo(walked.device, arch, board, traits);
        break;
      case "controllers":
        completeController(draft, walked.device, walked.path, board, this.situation);
        break;
      case "serials":
        completeSerial(walked.device, arch, board);
        break;
      case "channels":
        completeChannel(walked.device, this.situation);
        break;
      case "shmems":
        completeShmem(walked.device);
        break;
      case "tpms":
        completeTpm(walked.device, arch, board);
        break;
      case "panics":
        completePanic(walked.device, arch, board);
        break;
      case "memories":
        if (isPpc64(arch) && walked.device.model === "nvdimm") walked.device.uuid ??= newUuid();
        if (isPpc64(arch) && newDomain) alignMemory(walked.device, walked.path);
        break;
      case "vsocks":
        walked.device.model ??= "virtio";
        break;
      default:
        break;
    }
  }

  places(draft: DomainDraft): void {
    assignAddresses(draft, boardOf(draft), this.situation);
  }
}

function boardOf({ os: { type } }: DomainDraft): Board {
  return boardNamed(type.arch ?? "", type.machine ?? "");
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
