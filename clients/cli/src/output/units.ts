import type { Duration } from "@virtmesh/api/gen/google/protobuf/duration";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] as const;

/** `1.5 GiB`: three digits at most before the unit, one decimal below ten. */
export function formatBytes(bytes: bigint | number): string {
  let value = Number(bytes);
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit > 0 && value < 10 ? 1 : 0;
  // 1023.9 MiB must not become "1024 MiB".
  if (value >= 1023.5 && unit < UNITS.length - 1 && digits === 0 && unit > 0) return `1.0 ${UNITS[unit + 1]}`;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

export function formatRate(bytesPerSecond: bigint | number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** Milliseconds of a protobuf Duration. */
export function durationMs(duration: Duration): number {
  return Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}

export function durationOf(ms: number): Duration {
  const seconds = Math.trunc(ms / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

/** `250 ms`, `4.2 s`, `3 min 05 s`, `2 h 03 min`. */
export function formatMs(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${pad(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${pad(Math.floor((seconds % 3600) / 60))} min`;
}

export function formatDuration(duration: Duration): string {
  return formatMs(durationMs(duration));
}

function pad(n: number): string {
  return String(n).padStart(2, "0");
}

/** `DOMAIN_STATE_RUNNING` of an enum with the prefix `DOMAIN_STATE_` as people read it: `running`. */
export function enumWord(name: string, prefix: string): string {
  return name.slice(prefix.length).toLowerCase().replaceAll("_", " ");
}
