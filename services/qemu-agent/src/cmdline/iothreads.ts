import { unsupported } from "./arguments.ts";
import type { BuildContext, DeviceContext } from "./context.ts";

/** Ids of the guest's I/O threads: those that the document names, and as many more as it counts. */
function iothreadNumbers({ definition }: DeviceContext): readonly number[] {
  const named = definition.iothreadIds?.map((thread) => thread.id) ?? [];
  const numbers = new Set(named);
  for (let n = 1; numbers.size < (definition.iothreads ?? 0); n += 1) numbers.add(n);
  return [...numbers];
}

/** -object iothread. */
export function iothreadArguments(c: BuildContext): void {
  for (const n of iothreadNumbers(c)) {
    const given = c.definition.iothreadIds?.find((thread) => thread.id === n);
    c.args.json("-object", {
      "qom-type": "iothread",
      id: `iothread${n}`,
      "thread-pool-min": given?.threadPoolMin,
      "thread-pool-max": given?.threadPoolMax,
    });
  }
  const main = c.definition.defaultIothread;
  if (main !== undefined) {
    c.args.json("-object", {
      "qom-type": "main-loop",
      id: "main-loop",
      "thread-pool-min": main.threadPoolMin,
      "thread-pool-max": main.threadPoolMax,
    });
  }
}

/** Id of the I/O thread of that number. */
export function iothreadId(c: DeviceContext, n: number, path: string): string {
  if (!iothreadNumbers(c).includes(n)) {
    throw unsupported(
      `${path}/driver/@iothread`,
      `there is no I/O thread ${n}, <iothreads> is ${c.definition.iothreads ?? 0}`,
    );
  }
  return `iothread${n}`;
}
