import { VirtError } from "@virtmesh/core/errors";
import type { Guest } from "../domain/guest.ts";
import type { QmpHotpluggableCpu } from "../qmp/commands.ts";
import { makeAll } from "./plug.ts";
import type { PlugStep } from "./plug-steps.ts";
import { unplug } from "./unplug.ts";

const QUERY_TIMEOUT_MS = 10_000;
const PERIPHERAL = "/machine/peripheral/";

/** How many CPUs the guest has; undefined when its machine counts none. */
export async function pluggedCpus(guest: Guest): Promise<number | undefined> {
  const places = await placesOf(guest);
  if (places === undefined) return undefined;
  return places.filter(isPlugged).reduce((sum, place) => sum + place["vcpus-count"], 0);
}

/**
 * Plugs CPUs in or out until the guest has that many; `onChange` hears of every step. Those it was started with stay.
 * @throws CONFIG_UNSUPPORTED, GUEST_REFUSED, DEADLINE
 */
export async function setCpus(
  guest: Guest,
  wanted: number,
  onChange: (count: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const places = (await placesOf(guest)) ?? [];
  let count = places.filter(isPlugged).reduce((sum, place) => sum + place["vcpus-count"], 0);
  const grown = places.toReversed().filter((place) => !isPlugged(place));
  const shrunk = places.filter((place) => place["qom-path"]?.startsWith(PERIPHERAL) === true);
  check(guest, wanted, count, grown, shrunk);
  for (const place of grown) {
    if (count >= wanted) break;
    await makeAll(guest, [cpuStep(place)], signal);
    count += place["vcpus-count"];
    onChange(count);
  }
  for (const place of shrunk) {
    if (count <= wanted) break;
    const id = (place["qom-path"] ?? "").slice(PERIPHERAL.length);
    await unplug(guest, id, `its CPU ${id}`, signal);
    count -= place["vcpus-count"];
    onChange(count);
  }
}

/** Nothing is done when it could not be done whole. */
function check(
  guest: Guest,
  wanted: number,
  count: number,
  grown: readonly QmpHotpluggableCpu[],
  shrunk: readonly QmpHotpluggableCpu[],
): void {
  const sum = (all: readonly QmpHotpluggableCpu[]): number =>
    all.reduce((n, place) => n + place["vcpus-count"], 0);
  const [least, most] = [count - sum(shrunk), count + sum(grown)];
  if (wanted >= least && wanted <= most) return;
  const why =
    wanted < least
      ? `${least} of its CPUs are there since its start and stay`
      : `it has places for ${most} CPUs`;
  throw new VirtError(
    "CONFIG_UNSUPPORTED",
    `guest "${guest.name}" cannot have ${wanted} CPUs while it runs: ${why}`,
    { resource: { type: "domain", name: guest.name } },
  );
}

/** In QEMU's order, which is from the last to the first. */
async function placesOf(guest: Guest): Promise<readonly QmpHotpluggableCpu[] | undefined> {
  try {
    return await guest.execute("query-hotpluggable-cpus", undefined, { timeoutMs: QUERY_TIMEOUT_MS });
  } catch (e) {
    // A machine without places for CPUs.
    if (VirtError.is(e) && e.code === "INTERNAL") return undefined;
    throw e;
  }
}

function isPlugged(place: QmpHotpluggableCpu): boolean {
  return place["qom-path"] !== undefined;
}

function cpuStep({ type, props }: QmpHotpluggableCpu): PlugStep {
  const id = `vcpu-${Object.values(props).join("-")}`;
  return {
    make: { command: "device_add", args: { driver: type, id, ...props } },
    unmake: { command: "device_del", args: { id } },
  };
}
