import type { Call } from "@virtmesh/core/call";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import type { Guest } from "../guests/guest.ts";
import { type Power, REQUEST } from "../guests/power.ts";
import type { Intent } from "../guests/story.ts";
import type { HypervServer } from "../server.ts";

/** Asks for a state and resolves when the host has told that it is reached. `what`: "be started". */
export async function changePower(
  server: HypervServer,
  guest: Guest,
  request: keyof typeof REQUEST,
  power: Power,
  what: string,
  c: Call,
  intent?: Intent,
): Promise<DomainInfo> {
  await server.guests.during(guest.uuid, c, async () => {
    guest.intent = intent;
    await requestState(server, guest, request, `guest "${guest.name}" cannot ${what}`, c);
    await server.heard(guest, (told) => told?.power === power, c);
  });
  return guest.info;
}

export async function requestState(
  server: HypervServer,
  guest: Guest,
  request: keyof typeof REQUEST,
  what: string,
  c: Call,
): Promise<void> {
  const input = { RequestedState: REQUEST[request] };
  await server.call(what, "Msvm_ComputerSystem", "RequestStateChange", input, c, guest.reference);
}

/** @throws DOMAIN_NOT_RUNNING */
export function requireActive(server: HypervServer, uuid: DomainUuid): Guest {
  const guest = server.guests.require(uuid);
  if (guest.active) return guest;
  throw new VirtError("DOMAIN_NOT_RUNNING", `guest "${guest.name}" does not run; start it first`, {
    resource: { type: "domain", name: guest.name },
  });
}
