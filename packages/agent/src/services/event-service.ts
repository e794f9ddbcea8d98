import type { Event, WatchRequest } from "@virtmesh/api/gen/virtmesh/v1/event";
import { EventClass, EventServiceService } from "@virtmesh/api/gen/virtmesh/v1/event";
import type { Call } from "@virtmesh/core/call";
import { VirtError } from "@virtmesh/core/errors";
import { serverStream } from "@virtmesh/kit/grpc-server";
import type { ServedService } from "../chassis.ts";
import { toWireDomain } from "../convert/domain.ts";
import { classOf } from "../convert/event.ts";
import { watchLog } from "../events/watch.ts";
import type { ServiceContext } from "./context.ts";
import { placeOf } from "./context.ts";

export function eventService(c: ServiceContext): ServedService {
  return {
    definition: EventServiceService,
    implementation: {
      watch: serverStream((request: WatchRequest, call: Call) => {
        c.checkUri(request.uri);
        return watchLog(
          c.events.log,
          {
            accept: acceptOf(c, request),
            resumeToken: request.resumeToken,
            ...(request.sendSnapshot ? { snapshot: () => snapshotOf(c, request.domain) } : {}),
          },
          call.signal,
        );
      }),
    },
  };
}

function acceptOf(c: ServiceContext, request: WatchRequest): (event: Event) => boolean {
  if (
    request.classes.some((k) => k === EventClass.UNRECOGNIZED || k === EventClass.EVENT_CLASS_UNSPECIFIED)
  ) {
    throw new VirtError("INVALID_FIELD", "a class of events to watch is not one that this agent knows", {
      violations: [{ field: "classes", description: "unknown class" }],
    });
  }
  const classes = new Set<EventClass>(request.classes);
  const { domain } = request;
  // A guest that is known now is followed by its UUID, through whatever it may be called later.
  const uuid = c.driver.domains.find(domain)?.uuid;
  return (event) =>
    (classes.size === 0 || classes.has(classOf(event.body))) &&
    (domain === "" ||
      event.domainUuid === (uuid ?? domain) ||
      (uuid === undefined && event.domainName === domain));
}

function snapshotOf(c: ServiceContext, domain: string): Event[] {
  const { domains } = c.driver;
  const one = domain === "" ? undefined : domains.find(domain);
  const infos = domain === "" ? domains.list() : one ? [one] : [];
  return infos.map((info) =>
    c.events.snapshotOf({
      uuid: info.uuid,
      name: info.name,
      body: { $case: "domainChanged", value: { domain: toWireDomain(info, placeOf(c, info.uuid)) } },
    }),
  );
}
