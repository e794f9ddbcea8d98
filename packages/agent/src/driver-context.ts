import type { HostName } from "@virtmesh/core/ids";
import type { Metrics } from "@virtmesh/kit/metrics";
import type { TlsFiles } from "@virtmesh/kit/tls";
import type { AgentLogger } from "./chassis.ts";

/** What a driver is made with. */
export interface DriverContext {
  readonly host: HostName;
  /** Definitions and journals: survives a restart of the host. Exists. */
  readonly stateDir: string;
  /** Sockets and status files: survives a restart of the agent only. Exists. */
  readonly runDir: string;
  /** Host or IP address under which other hosts reach this one for migration data. */
  readonly dataAddress: string;
  readonly tls?: TlsFiles;
  readonly tlsDir?: string;
  readonly logger: AgentLogger;
  readonly metrics: Metrics;
  /** Aborted when the agent ends; the guests live on. */
  readonly signal: AbortSignal;
}
