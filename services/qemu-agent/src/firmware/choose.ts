import { VirtError } from "@virtmesh/core/errors";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import type { FirmwareDescriptor } from "./descriptor.ts";

/** libvirt's names and QEMU's for how a guest is started. */
const INTERFACES = { efi: "uefi", bios: "bios" } as const;

/**
 * The definition with its firmware written down, where it only says which kind: the first description that fits, in
 * the order of their names. `variables` is where the guest's own copy of UEFI's variables is to be.
 * @throws CONFIG_UNSUPPORTED when nothing on this host fits
 */
export function withFirmware<D extends DomainDefinition>(
  definition: D,
  machine: string,
  descriptors: readonly FirmwareDescriptor[],
  variables: string,
): D {
  const { firmwareKind, loader } = definition.os;
  const named = withVariables(definition, variables);
  if (firmwareKind === undefined || loader?.path !== undefined) return named;
  const found = descriptors.find((descriptor) => fits(named, machine, descriptor));
  if (found === undefined) {
    throw new VirtError(
      "CONFIG_UNSUPPORTED",
      `no firmware of this host fits firmware="${firmwareKind}" on ${machine} with what the guest asks of it; install it, as the package ovmf has it (/domain/os/@firmware)`,
      { metadata: { path: "/domain/os/@firmware" } },
    );
  }
  return withMapping(named, found, variables);
}

/** A template without a place for the copy: the agent says where. */
function withVariables<D extends DomainDefinition>(definition: D, variables: string): D {
  const { nvram } = definition.os;
  if (nvram?.type !== "path" || nvram.path !== undefined) return definition;
  return { ...definition, os: { ...definition.os, nvram: { ...nvram, path: variables } } };
}

function fits(definition: DomainDefinition, machine: string, descriptor: FirmwareDescriptor): boolean {
  const { os, pm } = definition;
  const { mapping, features } = descriptor;
  const kind = os.firmwareKind === undefined ? "" : INTERFACES[os.firmwareKind];
  const arch = os.type.arch ?? "x86_64";
  const target = descriptor.targets.some(
    (t) => t.architecture === arch && t.machines.some((pattern) => matches(machine, pattern)),
  );
  const asked = (feature: string, wanted: boolean | undefined) =>
    wanted === undefined || features.has(feature) === wanted;
  const wanted = (name: string) => os.firmware?.features.find((f) => f.name === name)?.enabled;
  return (
    descriptor.interfaces.includes(kind) &&
    target &&
    mapping.device !== "other" &&
    (mapping.device !== "flash" ||
      mapping.mode === (os.loader?.stateless === true ? "stateless" : "split")) &&
    (pm?.suspendToMem !== true || features.has("acpi-s3")) &&
    (pm?.suspendToDisk !== true || features.has("acpi-s4")) &&
    asked("secure-boot", wanted("secure-boot")) &&
    asked("enrolled-keys", wanted("enrolled-keys")) &&
    (os.loader?.secure !== true || features.has("requires-smm")) &&
    (definition.launchSecurity?.type !== "sev" || features.has("amd-sev"))
  );
}

/** `pc-q35-*` as a shell reads it. */
function matches(name: string, pattern: string): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`).test(name);
}

function withMapping<D extends DomainDefinition>(
  definition: D,
  { mapping, features }: FirmwareDescriptor,
  variables: string,
): D {
  const { os } = definition;
  if (mapping.device === "memory")
    return { ...definition, os: { ...os, loader: { ...os.loader, type: "rom", path: mapping.path } } };
  if (mapping.device !== "flash") return definition;
  const needsSmm = features.has("requires-smm");
  if (needsSmm && definition.features?.smm?.state === false) {
    throw new VirtError(
      "CONFIG_UNSUPPORTED",
      'the firmware that fits needs <smm state="on"/> (/domain/features/smm)',
      { metadata: { path: "/domain/features/smm" } },
    );
  }
  const split = mapping.mode === "split" && mapping.template !== undefined;
  const nvram = os.nvram ?? { type: "path" as const, path: variables };
  return {
    ...definition,
    ...(needsSmm
      ? { features: { ...definition.features, smm: { ...definition.features?.smm, state: true } } }
      : {}),
    os: {
      ...os,
      loader: {
        ...os.loader,
        readonly: true,
        type: "pflash",
        path: mapping.code,
        ...(mapping.format === "raw" ? {} : { format: mapping.format }),
        ...(needsSmm ? { secure: true } : {}),
      },
      ...(split ? { nvram: { ...nvram, template: nvram.template ?? mapping.template } } : {}),
    },
  };
}
