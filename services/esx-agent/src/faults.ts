import { messageOf, type Reason, VirtError } from "@virtmesh/core/errors";
import { isVimFault } from "./vim/errors.ts";

/** Faults of vSphere by the reason that they are to our callers. */
const REASON_OF: Readonly<Record<string, Reason>> = {
  InvalidLogin: "NOT_AUTHENTICATED",
  NoPermission: "NOT_PERMITTED",
  RestrictedVersion: "NOT_PERMITTED",
  ManagedObjectNotFound: "DOMAIN_NOT_FOUND",
  InvalidPowerState: "WRONG_STATE",
  InvalidState: "WRONG_STATE",
  TaskInProgress: "DOMAIN_BUSY",
  DuplicateName: "DOMAIN_EXISTS",
  AlreadyExists: "DOMAIN_EXISTS",
  FileAlreadyExists: "ALREADY_EXISTS",
  FileNotFound: "FILE_NOT_FOUND",
  NotFound: "FILE_NOT_FOUND",
  InvalidDatastore: "INVALID_FIELD",
  InvalidDatastorePath: "INVALID_FIELD",
  FileLocked: "DISK_IN_USE",
  NoDiskSpace: "NO_SPACE",
  InsufficientHostCapacityFault: "LIMIT_REACHED",
  ToolsUnavailable: "GUEST_REFUSED",
  CpuHotPlugNotSupported: "WRONG_STATE",
  MemoryHotPlugNotSupported: "WRONG_STATE",
  MethodNotFound: "UNSUPPORTED",
  NotSupported: "UNSUPPORTED",
  NotImplemented: "UNSUPPORTED",
  InvalidDeviceSpec: "CONFIG_UNSUPPORTED",
  InvalidVmConfig: "CONFIG_UNSUPPORTED",
  InvalidArgument: "CONFIG_UNSUPPORTED",
  InvalidName: "INVALID_NAME",
};

/** Errors of the protocol's layers by name. */
const REASON_OF_LAYER: Readonly<Record<string, Reason>> = {
  VimConnectionError: "HYPERVISOR_UNRESPONSIVE",
  VimCertificateError: "HOST_SETUP",
  VimProtocolError: "PROTOCOL",
};

/** What went wrong at the server, as the sentence "`what`: why". */
export function asVirtError(e: unknown, what: string, guest?: string): VirtError {
  if (VirtError.is(e)) return e;
  const layer = e instanceof Error ? REASON_OF_LAYER[e.name] : undefined;
  const reason = isVimFault(e) ? (REASON_OF[e.type] ?? "HYPERVISOR_FAILED") : layer;
  if (reason === undefined) return VirtError.from(e);
  const said = isVimFault(e) && e.message !== e.type ? `${messageOf(e)} (${e.type})` : messageOf(e);
  const resource = guest === undefined ? {} : { resource: { type: "domain", name: guest } };
  return new VirtError(reason, `${what}: ${said}`, resource, { cause: e });
}
