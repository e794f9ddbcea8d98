import type { Json, JsonValue } from "../cmdline/arguments.ts";
import type { DeviceParts } from "../cmdline/parts.ts";
import type { QmpArguments, QmpCommand } from "../qmp/commands.ts";

/** One QMP command. */
export type QmpStep = {
  readonly [C in QmpCommand]: { readonly command: C; readonly args: QmpArguments<C> };
}[QmpCommand];

/** A command that makes one part of a device, and the one that takes it away again. */
export interface PlugStep {
  readonly make: QmpStep;
  readonly unmake: QmpStep;
}

/** What plugs a device into a guest that runs, in order: its host side first, so that the guest finds it whole. */
export function plugSteps(parts: DeviceParts): readonly PlugStep[] {
  const objects = (parts.objects ?? []).map(objectStep);
  const onChardev = (step: PlugStep): boolean => "chardev" in (step.make.args ?? {});
  return [
    ...objects.filter((step) => !onChardev(step)),
    ...(parts.chardevs ?? []).map(
      ({ id, backend }): PlugStep => ({
        make: {
          command: "chardev-add",
          args: { id, backend: { type: backend.type, data: plain(backend.data) } },
        },
        unmake: { command: "chardev-remove", args: { id } },
      }),
    ),
    ...objects.filter(onChardev),
    ...(parts.blockdevs ?? []).map((node): PlugStep => {
      const name = idOf(node, "node-name");
      return {
        make: {
          command: "blockdev-add",
          args: { ...plain(node), driver: idOf(node, "driver"), "node-name": name },
        },
        unmake: { command: "blockdev-del", args: { "node-name": name } },
      };
    }),
    ...(parts.netdevs ?? []).map((netdev): PlugStep => {
      const id = idOf(netdev, "id");
      return {
        make: { command: "netdev_add", args: { ...plain(netdev), type: idOf(netdev, "type"), id } },
        unmake: { command: "netdev_del", args: { id } },
      };
    }),
    ...(parts.devices ?? []).map((device): PlugStep => {
      const id = idOf(device, "id");
      return {
        make: { command: "device_add", args: { ...plain(device), driver: idOf(device, "driver"), id } },
        unmake: { command: "device_del", args: { id } },
      };
    }),
  ];
}

function objectStep(object: Json): PlugStep {
  const id = idOf(object, "id");
  return {
    make: { command: "object-add", args: { ...plain(object), "qom-type": idOf(object, "qom-type"), id } },
    unmake: { command: "object-del", args: { id } },
  };
}

/** Steps that are not about what the guest sees: they can be undone without it. */
export function hostSteps(steps: readonly PlugStep[]): readonly PlugStep[] {
  return steps.filter(({ make }) => make.command !== "device_add");
}

/** Ids of the devices in the guest; one of them is the device's own. */
export function deviceIds(steps: readonly PlugStep[]): readonly string[] {
  return steps.flatMap(({ unmake }) => (unmake.command === "device_del" ? [unmake.args.id] : []));
}

function idOf(json: Json, key: string): string {
  const value = json[key];
  return typeof value === "string" ? value : "";
}

/** Without what is undefined. */
function plain(json: Json): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(json).filter((pair): pair is [string, JsonValue] => pair[1] !== undefined),
  );
}
