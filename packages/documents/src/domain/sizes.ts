import { VirtError } from "@virtmesh/core/errors";
import type { DomainDefinition } from "./model.ts";

/*
 * How much memory and how many CPUs a guest has, and how many it can have at most, each kept where it belongs.
 * `word`: what guests are called in messages.
 */

/** @throws INVALID_FIELD when it is more than the guest can have */
export function withMemory<D extends DomainDefinition>(definition: D, bytes: bigint, word = "guest"): D {
  const most = definition.memory.bytes;
  if (bytes > most) throw tooMuch(definition, "memory_bytes", `${most} bytes`, word);
  return { ...definition, currentMemory: { bytes } };
}

/** It has no more than before, and less where that is too much now. */
export function withMaxMemory<D extends DomainDefinition>(definition: D, bytes: bigint): D {
  const current = definition.currentMemory?.bytes ?? definition.memory.bytes;
  return {
    ...definition,
    memory: { ...definition.memory, bytes },
    currentMemory: { bytes: current < bytes ? current : bytes },
  };
}

/** @throws INVALID_FIELD when they are more than the guest can have */
export function withVcpus<D extends DomainDefinition>(definition: D, count: number, word = "guest"): D {
  const most = definition.vcpu.count;
  if (count > most) throw tooMuch(definition, "vcpus", `${most} CPUs`, word);
  return { ...definition, vcpu: { ...definition.vcpu, current: count } };
}

/** It has no more than before, and fewer where those are too many now. */
export function withMaxVcpus<D extends DomainDefinition>(definition: D, count: number): D {
  const current = Math.min(definition.vcpu.current ?? definition.vcpu.count, count);
  return { ...definition, vcpu: { ...definition.vcpu, count, current } };
}

function tooMuch({ name }: DomainDefinition, field: string, most: string, word: string): VirtError {
  const description = `is more than the ${most} that ${word} "${name}" can have at most`;
  return new VirtError("INVALID_FIELD", `${field} ${description}`, { violations: [{ field, description }] });
}
