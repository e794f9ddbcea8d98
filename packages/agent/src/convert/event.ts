import type { Event } from "@virtmesh/api/gen/virtmesh/v1/event";
import { EventClass } from "@virtmesh/api/gen/virtmesh/v1/event";
import type { HypervisorEvent, HypervisorEventBody } from "@virtmesh/core/driver/events";
import type { EventDraft } from "../events/draft.ts";
import { toWireBlockJob } from "./block-job.ts";
import { wireDeviceEventType, wireLifecycleType, wireSnapshotEventType } from "./enums.ts";

type WireBody = NonNullable<Event["body"]>;

export function toDraft(event: HypervisorEvent, traceparent: string): EventDraft {
  return {
    uuid: event.uuid,
    name: event.name,
    timeMs: event.timeMs,
    reconciled: event.reconciled ?? false,
    actor: event.actor ?? "",
    requestId: event.requestId ?? "",
    traceparent,
    body: toWireBody(event.body),
  };
}

export function toWireBody(body: HypervisorEventBody): WireBody {
  switch (body.kind) {
    case "lifecycle":
      return { $case: "lifecycle", value: { type: wireLifecycleType(body.type), detail: body.detail } };
    case "blockJob":
      return { $case: "blockJob", value: { job: toWireBlockJob(body.job) } };
    case "device":
      return {
        $case: "device",
        value: { type: wireDeviceEventType(body.type), device: body.device, detail: body.detail },
      };
    case "ioError": {
      const { kind: _, ...value } = body;
      return { $case: "ioError", value };
    }
    case "guestPanic":
      return { $case: "guestPanic", value: { detail: body.detail } };
    case "snapshot":
      return {
        $case: "snapshot",
        value: { type: wireSnapshotEventType(body.type), snapshot: body.snapshot },
      };
    case "resource": {
      const { kind: _, ...value } = body;
      return { $case: "resource", value };
    }
  }
}

/** The class by which watchers choose; unspecified for what is only part of a snapshot. */
export function classOf(body: Event["body"]): EventClass {
  switch (body?.$case) {
    case "lifecycle":
      return EventClass.EVENT_CLASS_LIFECYCLE;
    case "blockJob":
      return EventClass.EVENT_CLASS_BLOCK_JOB;
    case "migration":
      return EventClass.EVENT_CLASS_MIGRATION;
    case "device":
      return EventClass.EVENT_CLASS_DEVICE;
    case "ioError":
      return EventClass.EVENT_CLASS_IO_ERROR;
    case "guestPanic":
      return EventClass.EVENT_CLASS_GUEST_PANIC;
    case "snapshot":
      return EventClass.EVENT_CLASS_SNAPSHOT;
    case "resource":
      return EventClass.EVENT_CLASS_RESOURCE;
    case "domainChanged":
    case undefined:
      return EventClass.EVENT_CLASS_UNSPECIFIED;
  }
}
