import { messageOf, type Reason, VirtError } from "@virtmesh/core/errors";
import { isHypervError } from "./msvm/errors.ts";
import { isTimedOut, isWsmanFault, type WsmanFault } from "./wsman/errors.ts";

/** Return values of Hyper-V's methods by the reason that they are to our callers. */
const REASON_OF_CODE: Readonly<Record<number, Reason>> = {
  1: "UNSUPPORTED",
  32769: "NOT_PERMITTED",
  32770: "UNSUPPORTED",
  32772: "HYPERVISOR_UNRESPONSIVE",
  32773: "CONFIG_UNSUPPORTED",
  32774: "DOMAIN_BUSY",
  32775: "WRONG_STATE",
  32776: "CONFIG_UNSUPPORTED",
  32777: "HYPERVISOR_UNRESPONSIVE",
  32778: "LIMIT_REACHED",
  32779: "FILE_NOT_FOUND",
};

/** Faults of the protocol by the local name of their subcode. */
const REASON_OF_FAULT: Readonly<Record<string, Reason>> = {
  AccessDenied: "NOT_PERMITTED",
  DestinationUnreachable: "NOT_FOUND",
  QuotaLimit: "LIMIT_REACHED",
  Concurrency: "DOMAIN_BUSY",
  InvalidParameter: "CONFIG_UNSUPPORTED",
  InvalidRepresentation: "CONFIG_UNSUPPORTED",
  ActionNotSupported: "UNSUPPORTED",
};

/** Errors of the protocol's layers by name. */
const REASON_OF_LAYER: Readonly<Record<string, Reason>> = {
  WsmanConnectionError: "HYPERVISOR_UNRESPONSIVE",
  WsmanCertificateError: "HOST_SETUP",
  WsmanLoginError: "NOT_AUTHENTICATED",
  WsmanProtocolError: "PROTOCOL",
};

/** What went wrong at the host, as the sentence "`what`: why". */
export function asVirtError(e: unknown, what: string, guest?: string): VirtError {
  if (VirtError.is(e)) return e;
  const reason = reasonOf(e);
  if (reason === undefined) return VirtError.from(e);
  const resource = guest === undefined ? {} : { resource: { type: "domain", name: guest } };
  const said = isWsmanFault(e) ? faultText(e) : messageOf(e);
  return new VirtError(reason, `${what}: ${said.replace(/\.$/, "")}`, resource, { cause: e });
}

/** Undefined for what did not go wrong at the host. */
export function reasonOf(e: unknown): Reason | undefined {
  if (isHypervError(e)) return REASON_OF_CODE[e.code] ?? "HYPERVISOR_FAILED";
  if (isTimedOut(e)) return "HYPERVISOR_UNRESPONSIVE";
  if (isWsmanFault(e)) return REASON_OF_FAULT[e.subcode] ?? "HYPERVISOR_FAILED";
  return e instanceof Error ? REASON_OF_LAYER[e.name] : undefined;
}

function faultText({ message, subcode, code }: WsmanFault): string {
  return `${message} (${subcode}${code === 0 ? "" : ` ${code}`})`;
}
