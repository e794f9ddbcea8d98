import { checkNames } from "./names.ts";
import type { Locale } from "./texts.ts";

export interface SeedDisk {
  readonly path: string;
  readonly sizeBytes?: number;
}

/** A guest that there is from the beginning. */
export interface SeedGuest {
  readonly name: string;
  /** Its GUID; made up when there is none. */
  readonly id?: string;
  readonly state?: "running" | "off" | "saved" | "paused";
  readonly memoryMiB?: number;
  readonly processors?: number;
  readonly generation?: 1 | 2;
  readonly disks?: readonly SeedDisk[];
  /** MAC addresses of its ports, which are on the first switch. */
  readonly macs?: readonly string[];
  readonly notes?: string;
  /** What the system in it says of its first port, while it runs. */
  readonly addresses?: readonly string[];
  /** What it tells of itself while it runs, by the keys of Msvm_KvpExchangeDataItem. */
  readonly tells?: Readonly<Record<string, string>>;
}

export interface SeedSwitch {
  readonly name: string;
  readonly id?: string;
}

/** What the host is and has at the beginning. */
export interface Seed {
  readonly hostName: string;
  readonly hostUuid: string;
  readonly locale: Locale;
  readonly processors: number;
  readonly memoryMiB: number;
  readonly guests: readonly SeedGuest[];
  readonly switches: readonly SeedSwitch[];
  /** Hosts that guests can be migrated to, and are then seen no more: nothing is behind these names. */
  readonly peers: readonly string[];
  /** Whether live migrations are enabled on it. */
  readonly migrations: boolean;
}

export const DEFAULT_SEED: Seed = {
  hostName: "HVHOST1",
  hostUuid: "4C4C4544-0001-4000-8000-000000000001",
  locale: "en-US",
  processors: 8,
  memoryMiB: 32_768,
  guests: [
    {
      name: "web-1",
      state: "running",
      memoryMiB: 1024,
      processors: 2,
      disks: [{ path: "C:\\VMs\\web-1.vhdx" }],
      macs: ["00155D010101"],
      addresses: ["192.0.2.11"],
      tells: { FullyQualifiedDomainName: "web-1.example.org", OSName: "Windows Server 2022 Standard" },
    },
    { name: "db-1", state: "off", memoryMiB: 2048, generation: 2 },
  ],
  switches: [{ name: "Default Switch" }],
  peers: ["HVHOST2"],
  migrations: true,
};

/** A seed out of parts, the others being those of the default. @throws INVALID_FIELD */
export function seedFrom(parts: Partial<Seed>): Seed {
  checkNames("the seed", parts, DEFAULT_SEED);
  return { ...DEFAULT_SEED, ...parts };
}
