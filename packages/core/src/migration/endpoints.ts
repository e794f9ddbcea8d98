export interface DiskExport {
  readonly target: string;
  readonly host: string;
  readonly port: number;
  readonly exportName: string;
}

/** Where the source finds what the destination has opened. */
export interface Endpoints {
  /** As QEMU writes it: `tcp:10.0.0.2:49152`; empty for an offline migration. */
  readonly memoryAddress: string;
  readonly exports: readonly DiskExport[];
  readonly hypervisorVersion: string;
  /** Name in the destination's certificate, for the TLS check. */
  readonly tlsHostname: string;
}
