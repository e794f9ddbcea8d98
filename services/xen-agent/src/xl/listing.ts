/** Why a domain does not run any more, as Xen numbers it. */
const REASONS = ["poweroff", "reboot", "suspend", "crash", "watchdog", "softReset"] as const;
export type ShutdownReason = (typeof REASONS)[number];

/** A domain that Xen has at this moment. */
export interface ListedDomain {
  readonly name: string;
  readonly id: number;
  readonly uuid: string;
  readonly memoryMiB: number;
  readonly vcpus: number;
  readonly paused: boolean;
  /** It is being taken apart. */
  readonly dying: boolean;
  /** It has ended and waits for somebody to take it apart. */
  readonly shutdown: ShutdownReason | undefined;
  readonly cpuSeconds: number;
}

const ROW = /^(.*\S)\s+(\d+)\s+(\d+)\s+(\d+)\s+([-a-z]{6})\s+([\d.]+)\s+([0-9a-f-]{36})\s+(-|\d+)\s/;

/** What `xl list -v` says. Names may have blanks in them; lines that are none of a domain are left out. */
export function parseListing(text: string): readonly ListedDomain[] {
  return text.split("\n").flatMap((line) => {
    const [, name = "", id, memory, vcpus, flags = "", seconds, uuid = "", reason = "-"] =
      ROW.exec(line) ?? [];
    if (name === "") return [];
    return [
      {
        name,
        uuid,
        id: Number(id),
        memoryMiB: Number(memory),
        vcpus: Number(vcpus),
        paused: flags[2] === "p",
        // A number that is not known is one of a newer Xen: it has ended all the same.
        shutdown: flags[3] === "s" ? (REASONS[Number(reason)] ?? "poweroff") : undefined,
        dying: flags[5] === "d",
        cpuSeconds: Number(seconds),
      },
    ];
  });
}
