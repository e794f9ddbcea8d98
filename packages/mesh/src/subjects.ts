import type { Event } from "@virtmesh/api/gen/virtmesh/v1/event";
import { DeviceEventType, LifecycleEventType, SnapshotEventType } from "@virtmesh/api/gen/virtmesh/v1/event";
import { BlockJobState } from "@virtmesh/api/gen/virtmesh/v1/block_job";
import { MigrationPhase } from "@virtmesh/api/gen/virtmesh/v1/migration";
import { VirtError } from "@virtmesh/core/errors";
import { parseConnectionUri } from "@virtmesh/core/uri";

/** All subjects of the mesh begin with it; a breaking change of the subjects would change the number. */
const ROOT = "virtmesh.v1";

export const EVENT_SUBJECTS = `${ROOT}.event.>`;
export const MIGRATION_SUBJECTS = `${ROOT}.migration.>`;

/** Stands for a word that is empty: an event about the host has no guest. */
const NOTHING = "-";

export type EventClassName =
  | "lifecycle"
  | "block_job"
  | "migration"
  | "device"
  | "io_error"
  | "guest_panic"
  | "snapshot"
  | "resource";

const CLASSES: ReadonlySet<string> = new Set<EventClassName>([
  "lifecycle",
  "block_job",
  "migration",
  "device",
  "io_error",
  "guest_panic",
  "snapshot",
  "resource",
]);

/** Places of an event's subject: `virtmesh.v1.event.<host>.<hypervisor>.<uuid>.<class>.<event>`. */
export interface EventSubject {
  readonly host: string;
  /** Scheme of the connection URI: `qemu`, `test`, ... */
  readonly hypervisor: string;
  /** Empty when the event is about the host. */
  readonly domainUuid: string;
  readonly eventClass: EventClassName;
  /** `started`, `ready`, `removed`, ... */
  readonly event: string;
}

export function formatEventSubject(s: EventSubject): string {
  const words = [s.host, s.hypervisor, s.domainUuid === "" ? NOTHING : s.domainUuid, s.eventClass, s.event];
  return `${ROOT}.event.${words.map(word).join(".")}`;
}

/** undefined when the text is no subject of an event. */
export function parseEventSubject(subject: string): EventSubject | undefined {
  const [root, version, kind, host, hypervisor, uuid, eventClass, event, ...more] = subject.split(".");
  if (`${root}.${version}` !== ROOT || kind !== "event" || more.length > 0) return undefined;
  if (!host || !hypervisor || !uuid || !event || !isClass(eventClass)) return undefined;
  return { host, hypervisor, domainUuid: uuid === NOTHING ? "" : uuid, eventClass, event };
}

/** Subjects of the events of one host, hypervisor or guest; what is absent may be anything. */
export function eventSubjects(which: { host?: string; hypervisor?: string; domainUuid?: string }): string {
  const words = [which.host, which.hypervisor, which.domainUuid];
  return `${ROOT}.event.${words.map((w) => (w ? word(w) : "*")).join(".")}.>`;
}

/** Subjects of one agent, in which only that agent publishes. */
export function agentEventSubjects(host: string, hypervisor: string): string {
  return `${ROOT}.event.${word(host)}.${word(hypervisor)}.>`;
}

/** Where an event is published. */
export function subjectOf(event: Event): string {
  const { eventClass, name } = classify(event);
  return formatEventSubject({
    host: event.host,
    hypervisor: parseConnectionUri(event.uri).scheme,
    domainUuid: event.domainUuid,
    eventClass,
    event: name,
  });
}

/** Class and name of an event: the last two words of its subject, and its CloudEvents type. */
export function classify(event: Event): { eventClass: EventClassName; name: string } {
  const { body } = event;
  switch (body?.$case) {
    case "lifecycle":
      return {
        eventClass: "lifecycle",
        name: enumWord(LifecycleEventType, "LIFECYCLE_EVENT_TYPE_", body.value.type),
      };
    case "blockJob":
      return {
        eventClass: "block_job",
        name: enumWord(BlockJobState, "BLOCK_JOB_STATE_", body.value.job?.state ?? 0),
      };
    case "migration":
      return {
        eventClass: "migration",
        name: enumWord(MigrationPhase, "MIGRATION_PHASE_", body.value.progress?.phase ?? 0),
      };
    case "device":
      return { eventClass: "device", name: enumWord(DeviceEventType, "DEVICE_EVENT_TYPE_", body.value.type) };
    case "ioError":
      return { eventClass: "io_error", name: body.value.operation === "write" ? "write" : "read" };
    case "guestPanic":
      return { eventClass: "guest_panic", name: "panicked" };
    case "snapshot":
      return {
        eventClass: "snapshot",
        name: enumWord(SnapshotEventType, "SNAPSHOT_EVENT_TYPE_", body.value.type),
      };
    case "resource":
      return { eventClass: "resource", name: "changed" };
    case "domainChanged":
    case undefined:
      throw new VirtError("INVALID_FIELD", `event ${event.id} has no body that is published`);
  }
}

/** `virtmesh.v1.migration.<id>.<side>.<fact>`. */
export function formatFactSubject(id: string, side: "source" | "destination", fact: string): string {
  return `${ROOT}.migration.${word(id)}.${side}.${word(fact)}`;
}

export function factSubjects(id: string): string {
  return `${ROOT}.migration.${word(id)}.>`;
}

export function parseFactSubject(
  subject: string,
): { id: string; side: "source" | "destination"; fact: string } | undefined {
  const [root, version, kind, id, side, fact, ...more] = subject.split(".");
  if (`${root}.${version}` !== ROOT || kind !== "migration" || more.length > 0) return undefined;
  if (!id || !fact || (side !== "source" && side !== "destination")) return undefined;
  return { id, side, fact };
}

const WORD = /^[A-Za-z0-9_-]+$/;

/** Names with dots, blanks or wildcards in them would change the meaning of a subject. */
export function word(text: string): string {
  if (!WORD.test(text)) {
    throw new VirtError(
      "INVALID_NAME",
      `"${text}" cannot be part of a NATS subject: letters, digits, "-" and "_"`,
    );
  }
  return text;
}

function isClass(text: string | undefined): text is EventClassName {
  return text !== undefined && CLASSES.has(text);
}

function enumWord(names: Readonly<Record<string, number>>, prefix: string, value: number): string {
  for (const [name, number] of Object.entries(names)) {
    if (number === value && name.startsWith(prefix)) return name.slice(prefix.length).toLowerCase();
  }
  return "unspecified";
}
