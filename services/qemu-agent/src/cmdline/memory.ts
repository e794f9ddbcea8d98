import { unsupported } from "./arguments.ts";
import type { BuildContext } from "./context.ts";
import { machineOf } from "./machine-types.ts";
import { memoryBackend, wholeMib } from "./memory-backends.ts";

/** The guest's main memory, without modules that are plugged in beside it. */
export function mainMemoryBytes({ definition }: Pick<BuildContext, "definition">): bigint {
  const { cpu, devices, memory } = definition;
  const cells = cpu?.numa?.cells;
  if (cells !== undefined) return cells.reduce((sum, cell) => sum + wholeMib(cell.bytes), 0n);
  const modules = devices.memories.filter((m) => m.model !== "sgx-epc");
  return wholeMib(memory.bytes - modules.reduce((sum, m) => sum + m.target.size, 0n));
}

/** Id of the object that is the board's memory; undefined where QEMU makes it, or the guest's nodes have it. */
export function mainMemoryId(c: BuildContext): string | undefined {
  if (c.definition.cpu?.numa !== undefined) return undefined;
  const { name, ramId } = machineOf(c.definition, c.capabilities);
  if (mainMemory(c, ramId ?? "").plain) return undefined;
  if (ramId === undefined) throw unsupported("memoryBacking", `the memory of ${name} is made by QEMU itself`);
  return ramId;
}

function mainMemory(c: BuildContext, id: string) {
  return memoryBackend(c, { id, path: "memoryBacking", bytes: mainMemoryBytes(c), main: true });
}

/** -m, and the object that is the memory where the document says how it lies on the host. */
export function memoryArguments(c: BuildContext): void {
  const { definition, args } = c;
  const kib = (bytes: bigint) => `${bytes / 1024n}k`;
  const { maxMemory, memoryBacking } = definition;
  const bytes = mainMemoryBytes(c);
  if (bytes <= 0n) throw unsupported("memory", "the memory modules are larger than all of the memory");
  args.options("-m", undefined, {
    size: kib(bytes),
    ...(maxMemory === undefined ? {} : { slots: maxMemory.slots, maxmem: kib(wholeMib(maxMemory.bytes)) }),
  });
  const id = mainMemoryId(c);
  if (id !== undefined) for (const object of mainMemory(c, id).objects) args.json("-object", object);
  if (memoryBacking?.locked === true) args.options("-overcommit", undefined, { "mem-lock": true });
}
