/** Namespaces of the envelope and its parts (DSP0226, MS-WSMV 2.2.1). */
export const NS = {
  soap: "http://www.w3.org/2003/05/soap-envelope",
  addressing: "http://schemas.xmlsoap.org/ws/2004/08/addressing",
  enumeration: "http://schemas.xmlsoap.org/ws/2004/09/enumeration",
  transfer: "http://schemas.xmlsoap.org/ws/2004/09/transfer",
  eventing: "http://schemas.xmlsoap.org/ws/2004/08/eventing",
  wsman: "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
  microsoft: "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd",
  fault: "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault",
  cim: "http://schemas.dmtf.org/wbem/wscim/1/common",
  identity: "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd",
  instance: "http://www.w3.org/2001/XMLSchema-instance",
} as const;

export const ANONYMOUS = `${NS.addressing}/role/anonymous`;
/** Dialect of filters that are queries of WMI. */
export const WQL = "http://schemas.microsoft.com/wbem/wsman/1/WQL";
/** Events are asked for and come with the answer (DSP0226, 10.2.9.6). */
export const PULL_MODE = "http://schemas.dmtf.org/wbem/wsman/1/wsman/Pull";

/** The resource of a class: `wmiUri("root/virtualization/v2", "Msvm_ComputerSystem")`; `*` for a query. */
export function wmiUri(namespace: string, className: string): string {
  return `http://schemas.microsoft.com/wbem/wsman/1/wmi/${namespace}/${className}`;
}
