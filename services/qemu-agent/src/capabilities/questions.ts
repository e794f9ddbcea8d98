import type { QmpConnection } from "../qmp/connection.ts";
import type { QmpCpuModel } from "../qmp/commands.ts";
import type { QemuCapabilities } from "./model.ts";
import { QmpSchema } from "./schema.ts";

/** What a QEMU without a machine is asked. */
export async function questions(
  qmp: Pick<QmpConnection, "execute" | "version">,
): Promise<Omit<QemuCapabilities, "binary" | "accelerators">> {
  const [target, machines, types, cpus, options, entries] = await Promise.all([
    qmp.execute("query-target"),
    qmp.execute("query-machines"),
    qmp.execute("qom-list-types"),
    qmp.execute("query-cpu-definitions"),
    qmp.execute("query-command-line-options"),
    qmp.execute("query-qmp-schema"),
  ]);
  const schema = new QmpSchema(entries);
  const cpuType = cpus.find((cpu) => cpu.name === "max")?.typename;
  const features =
    cpuType === undefined ? [] : await qmp.execute("qom-list-properties", { typename: cpuType });
  return {
    arch: target.arch,
    version: qmp.version.qemu,
    package: qmp.version.package,
    machines: machines.map((m) => ({
      name: m.name,
      ...(m.alias === undefined ? {} : { alias: m.alias }),
      maxCpus: m["cpu-max"],
      deprecated: m.deprecated,
      ...defaultCpu(m["default-cpu-type"], cpus),
      ...(m["default-ram-id"] === undefined ? {} : { ramId: m["default-ram-id"] }),
    })),
    devices: new Set(types.map((t) => t.name)),
    objects: schema.variantsOf("object-add"),
    netdevs: schema.variantsOf("netdev_add"),
    chardevs: schema.variantsOf("chardev-add", "backend"),
    blockDrivers: schema.variantsOf("blockdev-add"),
    cpuModels: new Set(cpus.map((c) => c.name)),
    cpuFeatures: new Set(features.map((f) => f.name)),
    options: new Set(options.map((o) => o.option)),
    sandbox: options.some((o) => o.option === "sandbox" && o.parameters.length > 0),
  };
}

/** Machines name the type of their CPU, guests its model. */
function defaultCpu(
  type: string | undefined,
  cpus: readonly QmpCpuModel[],
): { readonly defaultCpu?: string } {
  const name = cpus.find((cpu) => cpu.typename === type)?.name;
  return name === undefined ? {} : { defaultCpu: name };
}
