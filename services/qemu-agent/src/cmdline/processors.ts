import type { MachineType } from "../capabilities/model.ts";
import { unsupported } from "./arguments.ts";
import type { BuildContext } from "./context.ts";
import { machineOf } from "./machine-types.ts";

/** -smp: how many processors, how many more can be plugged in, and how they hang together. */
export function processorArguments(c: BuildContext): void {
  const { definition, capabilities, args } = c;
  const machine: MachineType = machineOf(definition, capabilities);
  const { count } = definition.vcpu;
  if (count > machine.maxCpus) {
    throw unsupported("vcpu", `${machine.name} has at most ${machine.maxCpus} virtual CPUs, not ${count}`);
  }
  const topology = definition.cpu?.topology;
  if ((topology?.clusters ?? 1) !== 1) throw unsupported("cpu/topology/@clusters", "x86 has no clusters");
  if (topology !== undefined) {
    const { sockets, dies = 1, cores, threads } = topology;
    const inAll = sockets * dies * cores * threads;
    if (inAll !== count)
      throw unsupported("cpu/topology", `a topology of ${inAll} threads does not fit ${count} virtual CPUs`);
  }
  const current = onlineAtStart(c);
  args.options("-smp", String(current), {
    maxcpus: current === count ? undefined : count,
    sockets: topology?.sockets ?? count,
    dies: topology?.dies,
    cores: topology?.cores ?? 1,
    threads: topology?.threads ?? 1,
  });
}

/** Those that QEMU makes itself: the others are plugged in by the agent before the guest runs. */
function onlineAtStart({ definition }: BuildContext): number {
  const { vcpus, vcpu } = definition;
  if (vcpus === undefined) return vcpu.current ?? vcpu.count;
  return vcpus.filter((one) => one.enabled && one.hotpluggable !== true).length;
}
