import { blockJobStateToJSON, blockJobTypeToJSON } from "@virtmesh/api/gen/virtmesh/v1/block_job";
import {
  type Event,
  EventClass,
  deviceEventTypeToJSON,
  lifecycleEventTypeToJSON,
  snapshotEventTypeToJSON,
} from "@virtmesh/api/gen/virtmesh/v1/event";
import { progressLine } from "./progress.ts";
import { clean } from "./table.ts";
import { enumWord, formatBytes } from "./units.ts";

/** The classes that `event --event` takes. */
export const EVENT_CLASSES: Readonly<Record<string, EventClass>> = {
  lifecycle: EventClass.EVENT_CLASS_LIFECYCLE,
  "block-job": EventClass.EVENT_CLASS_BLOCK_JOB,
  migration: EventClass.EVENT_CLASS_MIGRATION,
  device: EventClass.EVENT_CLASS_DEVICE,
  "io-error": EventClass.EVENT_CLASS_IO_ERROR,
  "guest-panic": EventClass.EVENT_CLASS_GUEST_PANIC,
  snapshot: EventClass.EVENT_CLASS_SNAPSHOT,
  resource: EventClass.EVENT_CLASS_RESOURCE,
};

/** One line: `event 'lifecycle' for domain 'web-1' on qemu://host-a/system: started booted`. */
export function eventLine(event: Event, timestamp: boolean): string {
  const [kind, text] = bodyOf(event);
  const when = timestamp ? `${event.time?.toISOString() ?? "-"}: ` : "";
  const late = event.reconciled ? " (found after a restart)" : "";
  return `${when}event '${kind}' for domain '${clean(event.domainName || event.domainUuid)}' on ${clean(event.uri)}: ${clean(text)}${late}`;
}

function bodyOf({ body }: Event): readonly [string, string] {
  switch (body?.$case) {
    case undefined:
      return ["unknown", "an event that this version does not know"];
    case "lifecycle":
      return [
        "lifecycle",
        words(
          enumWord(lifecycleEventTypeToJSON(body.value.type), "LIFECYCLE_EVENT_TYPE_"),
          body.value.detail,
        ),
      ];
    case "blockJob": {
      const { job } = body.value;
      if (job === undefined) return ["block-job", ""];
      const state = enumWord(blockJobStateToJSON(job.state), "BLOCK_JOB_STATE_");
      return [
        "block-job",
        words(enumWord(blockJobTypeToJSON(job.type), "BLOCK_JOB_TYPE_"), "of", job.disk, state, job.error),
      ];
    }
    case "migration": {
      const { progress, side, error, destinationUri } = body.value;
      const how = error !== "" ? `failed: ${error}` : progress === undefined ? "" : progressLine(progress);
      return ["migration", words(side, "to", `${destinationUri}:`, how)];
    }
    case "device":
      return [
        "device",
        words(
          body.value.device,
          enumWord(deviceEventTypeToJSON(body.value.type), "DEVICE_EVENT_TYPE_"),
          body.value.detail,
        ),
      ];
    case "ioError":
      return [
        "io-error",
        words(
          body.value.operation,
          "of",
          `${body.value.disk}:`,
          body.value.message,
          `(${body.value.action})`,
        ),
      ];
    case "guestPanic":
      return ["guest-panic", body.value.detail];
    case "snapshot":
      return [
        "snapshot",
        words(
          body.value.snapshot,
          enumWord(snapshotEventTypeToJSON(body.value.type), "SNAPSHOT_EVENT_TYPE_"),
        ),
      ];
    case "resource": {
      const { memoryBytes, vcpus } = body.value;
      return ["resource", `${formatBytes(memoryBytes)} of memory, ${vcpus} CPU(s)`];
    }
    case "domainChanged":
      return ["state", body.value.domain?.stateReason ?? ""];
  }
}

function words(...parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join(" ");
}
