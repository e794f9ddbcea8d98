import { VirtError } from "./errors.ts";

declare const brand: unique symbol;
export type Branded<T, B extends string> = T & { readonly [brand]: B };

/** UUID of a guest, lower case with hyphens (RFC 9562). The same on every host it lives on. */
export type DomainUuid = Branded<string, "DomainUuid">;
/** Name of a host in the mesh; also its place in subjects and keys, hence without dots. */
export type HostName = Branded<string, "HostName">;
/** Id of a migration, and of its operation. A UUID. */
export type MigrationId = Branded<string, "MigrationId">;
/** Id of an operation: what follows `operations/` in its name. A UUID. */
export type OperationId = Branded<string, "OperationId">;
/** Counts the hand-overs of a guest; a host may run it only with the current one. */
export type Generation = Branded<bigint, "Generation">;

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const HOST = /^[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$/;

/** Reads a UUID with or without hyphens, as libvirt does; undefined when it is not one. */
export function parseUuid(text: string): string | undefined {
  if (!UUID.test(text)) return undefined;
  const hex = text.replaceAll("-", "").toLowerCase();
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export function domainUuid(text: string): DomainUuid {
  const uuid = parseUuid(text);
  if (uuid === undefined) throw new VirtError("INVALID_FIELD", `"${text}" is not a UUID`);
  return uuid as DomainUuid;
}

export function newDomainUuid(): DomainUuid {
  return crypto.randomUUID() as DomainUuid;
}

export function newMigrationId(): MigrationId {
  return crypto.randomUUID() as MigrationId;
}

export function newOperationId(): OperationId {
  return crypto.randomUUID() as OperationId;
}

export function hostName(text: string): HostName {
  if (!HOST.test(text)) {
    throw new VirtError(
      "INVALID_NAME",
      `"${text}" cannot be a host name: letters, digits, "-" and "_", at most 63`,
    );
  }
  return text as HostName;
}

export function generation(n: bigint): Generation {
  return n as Generation;
}

/** The rule for names of guests: what libvirt takes, and what can be a file name. */
export function checkDomainName(name: string): string {
  if (name === "") throw new VirtError("INVALID_NAME", "the name of a guest must not be empty");
  if (Buffer.byteLength(name) > 250) {
    throw new VirtError(
      "INVALID_NAME",
      `the name of a guest may have at most 250 bytes, "${name.slice(0, 20)}..." has ${Buffer.byteLength(name)}`,
    );
  }
  const bad = /[/\n\0-\x1f\x7f]/.exec(name);
  if (bad)
    throw new VirtError("INVALID_NAME", `the name "${name}" must not contain ${JSON.stringify(bad[0])}`);
  if (name === "." || name === "..")
    throw new VirtError("INVALID_NAME", `a guest cannot be called "${name}"`);
  return name;
}
