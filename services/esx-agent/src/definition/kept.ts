import { formatDomain, parseDomain } from "@virtmesh/documents/domain/document";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";

/** Keys of a guest's extraConfig, and of its .vmx file, under which lies what vSphere has no place for. */
const TITLE_KEY = "virtmesh.title";
const METADATA_KEY = "virtmesh.metadata";
/** How many CPUs a guest can have that has fewer now: vSphere knows one number. */
const VCPUS_KEY = "virtmesh.vcpus";

/** Reads what lies there. */
export function keptBeside(
  read: (key: string) => string | undefined,
  cpus: number,
): Pick<DomainDefinition, "title" | "metadata" | "vcpu"> {
  const title = read(TITLE_KEY) ?? "";
  const xml = read(METADATA_KEY) ?? "";
  const { metadata } = xml === "" ? {} : parseDomain(xml);
  const most = Number(read(VCPUS_KEY) ?? "");
  return {
    vcpu: most > cpus ? { count: most, current: cpus } : { count: cpus },
    ...(title === "" ? {} : { title }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}

/** What is to lie there, by key; empty for nothing. */
export function keptPairs(definition: DomainDefinition): readonly (readonly [key: string, value: string])[] {
  const { title = "", vcpu } = definition;
  return [
    [TITLE_KEY, title],
    [METADATA_KEY, metadataXml(definition)],
    [VCPUS_KEY, hasCpusToCome(definition) ? String(vcpu.count) : ""],
  ];
}

export function hasCpusToCome({ vcpu }: DomainDefinition): boolean {
  return (vcpu.current ?? vcpu.count) < vcpu.count;
}

/** A definition that has nothing but its metadata, which may use names of its surroundings; empty without any. */
function metadataXml({ type, name, memory, os, vcpu, devices, metadata }: DomainDefinition): string {
  if (metadata === undefined) return "";
  const bare = Object.fromEntries(Object.keys(devices).map((list) => [list, []]));
  return formatDomain({
    ...{ sysinfo: [], seclabels: [] },
    ...{ type, name, memory, os, vcpu, metadata },
    devices: { ...devices, ...bare },
  });
}
