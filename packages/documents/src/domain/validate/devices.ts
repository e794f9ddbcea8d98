import type { DomainDefinition } from "../model.ts";
import { isPower } from "./memory.ts";
import { isArm } from "./os.ts";
import { allDevices, isQemu, numbered, refuse } from "./refuse.ts";

/** Devices that have few rules. */
export function checkDevices(definition: DomainDefinition): void {
  checkUnassigned(definition);
  checkFilesystems(definition);
  checkInputs(definition);
  checkSingles(definition);
  checkPanics(definition);
  if (isQemu(definition)) checkPorts(definition);
  checkShmems(definition);
  checkTpms(definition);
  checkIommus(definition);
  checkSeclabels(definition);
}

function checkUnassigned(definition: DomainDefinition): void {
  for (const { list, device, path } of allDevices(definition)) {
    if (device.address?.type === "unassigned" && list !== "hostdevs")
      refuse(`${path}/address/@type`, "only a device of the host may be kept from the guest");
  }
}

function checkFilesystems({ devices }: DomainDefinition): void {
  const tags = new Set<string>();
  for (const [filesystem, path] of numbered(devices.filesystems, "devices/filesystem")) {
    const { target, driver } = filesystem;
    if (target === undefined)
      refuse(path, "it is not said where the guest finds it", "add <target dir='..'/>");
    const virtiofs = driver?.type === "virtiofs";
    if (filesystem.boot !== undefined && !virtiofs)
      refuse(`${path}/boot`, "a guest can only start from virtiofs");
    if (!virtiofs) continue;
    if (filesystem.readonly === true) refuse(`${path}/readonly`, "virtiofs cannot be made read-only");
    if (tags.has(target)) refuse(`${path}/target/@dir`, `two file systems are called ${target}`);
    tags.add(target);
  }
}

function checkInputs(definition: DomainDefinition): void {
  const { os, devices } = definition;
  for (const [input, path] of numbered(devices.inputs, "devices/input")) {
    const { type, bus, model } = input;
    const keyOrMouse = type === "keyboard" || type === "mouse";
    if (bus === "ps2" && !keyOrMouse) refuse(`${path}/@bus`, `a ${type} cannot be on PS/2`, "use usb");
    if (bus === "xen" && os.type.kind === "hvm" && isQemu(definition))
      refuse(`${path}/@bus`, "QEMU has no bus xen");
    if (type === "passthrough" && bus !== "virtio")
      refuse(`${path}/@bus`, "an input device of the host is passed on over virtio", "add bus='virtio'");
    if (model === undefined) continue;
    if (bus !== "virtio") refuse(`${path}/@model`, `a device on bus ${bus} has no model ${model}`);
    if (model !== "virtio" && type !== "passthrough")
      refuse(`${path}/@model`, `a ${type} has no model ${model}`, "use virtio");
  }
}

function checkSingles({ devices }: DomainDefinition): void {
  for (const [list, name] of [
    ["memballoons", "memballoon"],
    ["vsocks", "vsock"],
  ] as const) {
    const [, second] = devices[list];
    if (second !== undefined) refuse(`devices/${name}[2]`, `a guest has one ${name} at most`);
  }
}

/** Which machines have which serial and parallel ports. */
function checkPorts({ os, devices }: DomainDefinition): void {
  const { arch = "x86_64", machine = "" } = os.type;
  const pseries = isPower(arch) && machine.startsWith("pseries");
  const s390 = arch.startsWith("s390");
  const [parallel] = devices.parallels;
  if (parallel !== undefined && (pseries || s390))
    refuse("devices/parallel", `${arch} ${machine} has no parallel ports`);
  for (const [{ target }, path] of numbered(devices.serials, "devices/serial")) {
    const type = target?.type;
    const fits =
      (type !== "spapr-vio-serial" || pseries) &&
      (type !== "sclp-serial" || s390) &&
      (target?.model !== "pl011" || (isArm(arch) && machine.startsWith("virt")));
    if (target !== undefined && !fits)
      refuse(`${path}/target/@type`, `${arch} ${machine} has no serial port of type ${type}`);
  }
}

function checkPanics({ os, devices }: DomainDefinition): void {
  const { arch = "x86_64" } = os.type;
  const models = new Set<string>();
  for (const [panic, path] of numbered(devices.panics, "devices/panic")) {
    const model = panic.model ?? "";
    if (models.has(model)) refuse(path, `two panic devices are of model ${model || "default"}`);
    models.add(model);
    const elsewhere = panic.address !== undefined && !["isa", "pci"].includes(panic.address.type);
    const ofOther = (isPower(arch) || arch.startsWith("s390")) && panic.address !== undefined;
    const fixed = ["s390", "pseries", "hyperv"].includes(model) && panic.address !== undefined;
    if (elsewhere || fixed || ofOther)
      refuse(`${path}/address`, `a panic device of model ${model || "default"} has no such address`);
  }
}

function checkShmems({ devices }: DomainDefinition): void {
  for (const [shmem, path] of numbered(devices.shmems, "devices/shmem")) {
    if (shmem.name.includes("/") || shmem.name === "." || shmem.name === "..")
      refuse(`${path}/@name`, `"${shmem.name}" is no name of a file`);
    if (shmem.msi !== undefined && shmem.server === undefined)
      refuse(`${path}/msi`, "interrupts are between guests of one server", "add <server path='..'/>");
  }
}

function checkTpms({ os, devices }: DomainDefinition): void {
  let proxies = 0;
  let others = 0;
  for (const [tpm, path] of numbered(devices.tpms, "devices/tpm")) {
    if (tpm.model === "spapr-tpm-proxy") proxies += 1;
    else others += 1;
    if (proxies > 1 || others > 1) refuse(path, "a guest has one TPM, and one proxy at most");
    const { backend } = tpm;
    if (backend.type === "external" && backend.source.path === undefined)
      refuse(`${path}/backend/source`, "the socket of the TPM has no path");
    if (backend.type !== "emulator") continue;
    if (backend.activePcrBanks !== undefined && backend.version === "1.2")
      refuse(`${path}/backend/active_pcr_banks`, "only TPM 2.0 has banks", "use version='2.0'");
    if (backend.version === "1.2" && isArm(os.type.arch ?? ""))
      refuse(`${path}/backend/@version`, "ARM has no TPM 1.2", "use version='2.0'");
    if (backend.version === "1.2" && tpm.model === "tpm-crb")
      refuse(`${path}/backend/@version`, "a TPM of model tpm-crb is of version 2.0");
  }
}

function checkIommus(definition: DomainDefinition): void {
  const { os, features, devices } = definition;
  const { arch = "x86_64", machine = "" } = os.type;
  const q35 = machine === "q35" || machine.startsWith("pc-q35");
  const virt = isArm(arch) && (machine === "virt" || machine.startsWith("virt-"));
  for (const [iommu, path] of numbered(devices.iommus, "devices/iommu")) {
    const { model, driver, address } = iommu;
    if (model !== "virtio" && model !== "amd" && address !== undefined)
      refuse(`${path}/address`, `an IOMMU of model ${model} has no address`);
    if (driver?.intremap === true && features?.ioapic !== "qemu")
      refuse(`${path}/driver/@intremap`, "it needs QEMU's I/O APIC", "add <ioapic driver='qemu'/>");
    if (driver?.eim === true && driver.intremap !== true)
      refuse(`${path}/driver/@eim`, "it needs interrupt remapping", "add intremap='on'");
    if (!isQemu(definition)) continue;
    if (model === "intel" && !q35) refuse(`${path}/@model`, `${machine} has no IOMMU of Intel`, "use q35");
    if (model !== "virtio") continue;
    if (!q35 && !virt) refuse(`${path}/@model`, `${machine} has no IOMMU of virtio`, "use q35 or virt");
    if (features?.acpi !== true) refuse(path, "an IOMMU of virtio needs ACPI", "add <acpi/>");
    if (address !== undefined && address.type !== "pci")
      refuse(`${path}/address/@type`, "an IOMMU of virtio is on PCI");
    if (address?.type === "pci" && (address.bus ?? 0) !== 0)
      refuse(`${path}/address/@bus`, "an IOMMU is on the first bus", "use bus='0x00'");
  }
}

function checkSeclabels({ seclabels }: DomainDefinition): void {
  const models = new Set<string>();
  for (const [label, path] of numbered(seclabels, "seclabel")) {
    if (label.model === undefined) {
      if (seclabels.length > 1) refuse(path, "of several labels each must name its model");
      continue;
    }
    if (models.has(label.model)) refuse(path, `the label of model ${label.model} is there twice`);
    models.add(label.model);
  }
}
