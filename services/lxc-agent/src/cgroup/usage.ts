import { readFileSync } from "node:fs";
import { type CgroupPlaces, fileOf } from "./places.ts";

/** What a container has used. */
export interface Usage {
  readonly cpuTimeNs: bigint;
  readonly memoryBytes: bigint;
  /** By the number of the device, as `7:0`. */
  readonly disks: ReadonlyMap<string, DiskUsage>;
}

export interface DiskUsage {
  readonly readBytes: bigint;
  readonly writeBytes: bigint;
  readonly readRequests: bigint;
  readonly writeRequests: bigint;
}

const NOTHING: DiskUsage = { readBytes: 0n, writeBytes: 0n, readRequests: 0n, writeRequests: 0n };

/** Reads what the kernel has counted. These files are answered from memory, so nobody is waited for. */
export function readUsage(places: CgroupPlaces): Usage {
  const read = (controller: string, file: string): string => {
    const path = fileOf(places, controller, file);
    try {
      return path === undefined ? "" : readFileSync(path, "utf8");
    } catch {
      // The container ends at this moment, or the host does not count that.
      return "";
    }
  };
  if (places.version === 1) {
    return {
      cpuTimeNs: number(read("cpuacct", "cpuacct.usage")),
      memoryBytes: number(read("memory", "memory.usage_in_bytes")),
      disks: disksOfFirst(
        read("blkio", "blkio.throttle.io_service_bytes"),
        read("blkio", "blkio.throttle.io_serviced"),
      ),
    };
  }
  return {
    cpuTimeNs: number(/^usage_usec (\d+)$/m.exec(read("cpu", "cpu.stat"))?.[1] ?? "") * 1000n,
    memoryBytes: number(read("memory", "memory.current")),
    disks: disksOfSecond(read("io", "io.stat")),
  };
}

/** `7:0 Read 4096` a line. */
export function disksOfFirst(bytes: string, requests: string): ReadonlyMap<string, DiskUsage> {
  const disks = new Map<string, DiskUsage>();
  const add = (text: string, read: keyof DiskUsage, write: keyof DiskUsage): void => {
    for (const [, device = "", what, value = "0"] of text.matchAll(/^(\d+:\d+) (Read|Write) (\d+)$/gm)) {
      disks.set(device, {
        ...(disks.get(device) ?? NOTHING),
        [what === "Read" ? read : write]: BigInt(value),
      });
    }
  };
  add(bytes, "readBytes", "writeBytes");
  add(requests, "readRequests", "writeRequests");
  return disks;
}

/** `7:0 rbytes=4096 wbytes=0 rios=1 wios=0 ...` a line. */
export function disksOfSecond(text: string): ReadonlyMap<string, DiskUsage> {
  return new Map(
    [...text.matchAll(/^(\d+:\d+)(.*)$/gm)].map(([, device = "", rest = ""]) => {
      const value = (name: string): bigint => number(new RegExp(` ${name}=(\\d+)`).exec(rest)?.[1] ?? "");
      return [
        device,
        {
          readBytes: value("rbytes"),
          writeBytes: value("wbytes"),
          readRequests: value("rios"),
          writeRequests: value("wios"),
        },
      ];
    }),
  );
}

function number(text: string): bigint {
  return /^\d+\s*$/.test(text) ? BigInt(text.trim()) : 0n;
}
