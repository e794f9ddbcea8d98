import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { allDevices, type FoundDevice } from "@virtmesh/documents/domain/one-device";
import { aliasOf } from "@virtmesh/documents/domain/find-device";
import { bootOrder } from "../cmdline/boot-order.ts";
import type { DeviceContext } from "../cmdline/context.ts";
import { boardOf, machineOf } from "../cmdline/machine-types.ts";
import type { Allotment } from "../domain/instance.ts";
import { acceleratorOf, type LaunchSite } from "../domain/launch.ts";
import { runtimeOf } from "../domain/runtime-of.ts";
import { partsOf } from "./device-parts.ts";
import { type PlugStep, plugSteps } from "./plug-steps.ts";

/** Builds devices of a guest that runs, from its definition with them in it. */
export async function deviceContext(
  definition: IdentifiedDomain,
  site: LaunchSite,
  allotment: Allotment,
): Promise<DeviceContext> {
  const { capabilities } = site;
  const board = boardOf(machineOf(definition, capabilities));
  return {
    ...{ definition, capabilities, board },
    runtime: await runtimeOf(definition, site, {
      ...{ allotment, accelerator: acceleratorOf(definition, site), incoming: false },
    }),
    boot: bootOrder(definition),
  };
}

/** The steps of one device of the definition. @throws CONFIG_UNSUPPORTED */
export async function stepsOf(
  definition: IdentifiedDomain,
  found: FoundDevice,
  site: LaunchSite,
  allotment: Allotment,
): Promise<readonly PlugStep[]> {
  return plugSteps(partsOf(await deviceContext(definition, site, allotment), found));
}

export function deviceByAlias(definition: IdentifiedDomain, alias: string): FoundDevice | undefined {
  return allDevices(definition.devices).find((each) => aliasOf(each) === alias);
}

/** Devices of one definition that the other has not, controllers first: others may be plugged into them. */
export function devicesAdded(before: IdentifiedDomain, after: IdentifiedDomain): readonly FoundDevice[] {
  const known = new Set(allDevices(before.devices).map(aliasOf));
  const added = allDevices(after.devices).filter(
    (each) => aliasOf(each) !== undefined && !known.has(aliasOf(each)),
  );
  const controllers = added.filter(({ list }) => list === "controllers");
  return [...controllers, ...added.filter(({ list }) => list !== "controllers")];
}
