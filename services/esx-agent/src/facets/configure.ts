import type { DefinedOnceGuests } from "@virtmesh/agent/guests/one-definition";
import type { Call } from "@virtmesh/core/call";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { settled } from "../definition/check.ts";
import { specForChange } from "../definition/write.ts";
import { type Power, powerOf, readFacts, WATCHED } from "../guests/facts.ts";
import type { Guest } from "../guests/guest.ts";
import type { EsxServer } from "../server.ts";

/** Makes a guest as the definition says, and waits until the server has told of it. */
export async function configure(
  server: EsxServer,
  guest: Guest,
  definition: IdentifiedDomain,
  c: Call,
): Promise<DomainInfo> {
  const spec = specForChange(settled(definition), guest.facts.config);
  const what = `the configuration of guest "${guest.name}" cannot be changed`;
  await server.guests.during(
    guest.uuid,
    c,
    async () => {
      await server.task(what, guest, "ReconfigVM_Task", { spec }, c);
      await caughtUp(server, guest.object, guest.uuid, c);
    },
    true,
  );
  return guest.info;
}

/** Resolves when the stream has told what the server says of a guest when it is asked. */
export async function caughtUp(
  server: EsxServer,
  object: Guest["object"],
  uuid: Guest["uuid"],
  c: Call,
): Promise<void> {
  const now = readFacts(object, await server.read(object, WATCHED, c));
  await server.guests.until(
    uuid,
    (told) => told !== undefined && (told.etag === now?.etag || told.modified > (now?.modified ?? "")),
    c,
  );
}

/** The same for whether it runs, which is answered. */
export async function powerCaughtUp(server: EsxServer, guest: Guest, c: Call): Promise<Power> {
  const now = await server.read(guest.object, ["runtime.powerState"], c);
  const power = powerOf(now.get("runtime.powerState")?.text);
  await server.guests.until(guest.uuid, (told) => told?.power === power, c);
  return power;
}

/** vSphere has one configuration for what runs and for the next start alike. */
export function configurable(server: EsxServer): DefinedOnceGuests<Guest> {
  return {
    hypervisor: "vSphere",
    events: server.guests.events,
    require: (uuid) => server.guests.require(uuid),
    configure: (guest, definition, c) => configure(server, guest, definition, c),
  };
}
