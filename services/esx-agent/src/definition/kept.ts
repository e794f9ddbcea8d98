import { formatDomain, parseDomain } from "@virtmesh/documents/domain/document";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";

/** Keys of a guest's extraConfig, and of its .vmx file, under which lies what vSphere has no place for. */
export const TITLE_KEY = "virtmesh.title";
export const METADATA_KEY = "virtmesh.metadata";

/** Reads what lies there. */
export function keptBeside(
  read: (key: string) => string | undefined,
): Pick<DomainDefinition, "title" | "metadata"> {
  const title = read(TITLE_KEY) ?? "";
  const xml = read(METADATA_KEY) ?? "";
  const { metadata } = xml === "" ? {} : parseDomain(xml);
  return {
    ...(title === "" ? {} : { title }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}

/** A definition that has nothing but its metadata, which may use names of its surroundings; empty without any. */
export function metadataXml({ type, name, memory, os, vcpu, devices, metadata }: DomainDefinition): string {
  if (metadata === undefined) return "";
  const bare = Object.fromEntries(Object.keys(devices).map((list) => [list, []]));
  return formatDomain({
    ...{ sysinfo: [], seclabels: [] },
    ...{ type, name, memory, os, vcpu, metadata },
    devices: { ...devices, ...bare },
  });
}
