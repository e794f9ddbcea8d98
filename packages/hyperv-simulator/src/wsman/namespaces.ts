export const SOAP = "http://www.w3.org/2003/05/soap-envelope";
export const ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing";
export const ENUMERATION = "http://schemas.xmlsoap.org/ws/2004/09/enumeration";
export const TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer";
export const EVENTING = "http://schemas.xmlsoap.org/ws/2004/08/eventing";
export const WSMAN = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd";
export const WSMAN_FAULT = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault";
export const FAULT_DETAIL = "http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail";
export const IDENTITY = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd";
export const CIM = "http://schemas.dmtf.org/wbem/wscim/1/common";
export const XSI = "http://www.w3.org/2001/XMLSchema-instance";
export const SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell";

export const ANONYMOUS = `${ADDRESSING}/role/anonymous`;
export const WQL = "http://schemas.microsoft.com/wbem/wsman/1/WQL";
export const PULL_MODE = "http://schemas.dmtf.org/wbem/wsman/1/wsman/Pull";
export const WMI = "http://schemas.microsoft.com/wbem/wsman/1/wmi/";

/** The prefixes that Windows uses. */
export const PREFIXES = {
  s: SOAP,
  a: ADDRESSING,
  n: ENUMERATION,
  x: TRANSFER,
  e: EVENTING,
  w: WSMAN,
  rsp: SHELL,
  wsmid: IDENTITY,
} as const;

export type Prefix = keyof typeof PREFIXES;

export function declare(...prefixes: readonly Prefix[]): Readonly<Record<string, string>> {
  return Object.fromEntries(prefixes.map((prefix) => [`xmlns:${prefix}`, PREFIXES[prefix]]));
}
