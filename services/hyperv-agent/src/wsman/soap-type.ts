/** What an envelope travels as. */
export const SOAP_TYPE = "application/soap+xml;charset=UTF-8";
