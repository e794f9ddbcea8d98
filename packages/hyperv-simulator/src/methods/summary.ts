import { isInstanceOf } from "../cim/repository.ts";
import { referenceTo } from "../cim/path.ts";
import { type Embedded, type Instance, isReference, numberOf, textOf, type Value } from "../cim/value.ts";
import { checkpointsOf } from "../host/checkpoints.ts";
import { guestReference } from "../host/context.ts";
import { isGuest, REALIZED, resourcesOf } from "../host/guests.ts";
import type { Host } from "../host/host.ts";
import { RETURN, Refusal } from "../host/jobs.ts";
import { type Answer, DONE, type MethodCall, needInstance, references } from "./method.ts";

interface Subject {
  readonly host: Host;
  readonly guest: Instance;
  readonly settings: Instance;
}

/** What a number in RequestedInformation asks for ("GetSummaryInformation method"). */
const REQUESTS: Readonly<Record<number, readonly [string, (subject: Subject) => Value]>> = {
  0: ["Name", ({ guest }) => textOf(guest, "Name")],
  1: ["ElementName", ({ settings }) => textOf(settings, "ElementName")],
  2: ["CreationTime", ({ settings }) => settings.values["CreationTime"] ?? null],
  3: ["Notes", ({ settings }) => textOf(settings, "Notes")],
  4: ["NumberOfProcessors", (subject) => quantity(subject, "Msvm_ProcessorSettingData")],
  10: ["Version", ({ settings }) => textOf(settings, "Version")],
  100: ["EnabledState", ({ guest }) => numberOf(guest, "EnabledState")],
  101: ["ProcessorLoad", (subject) => (isRunning(subject) ? 3 : null)],
  103: [
    "MemoryUsage",
    (subject) => (isRunning(subject) ? quantity(subject, "Msvm_MemorySettingData") : null),
  ],
  // 2 OK, 12 no contact.
  104: ["Heartbeat", (subject) => (isRunning(subject) ? 2 : 12)],
  105: ["UpTime", ({ guest }) => numberOf(guest, "OnTimeInMilliseconds")],
  106: ["GuestOperatingSystem", (subject) => (isRunning(subject) ? "Debian GNU/Linux" : null)],
  107: ["Snapshots", ({ host, guest }) => checkpointsOf(host, textOf(guest, "Name")).map(embed)],
  108: ["AsynchronousTasks", ({ host, guest }) => jobsOf(host, guest).map(embed)],
  109: ["HealthState", ({ guest }) => numberOf(guest, "HealthState")],
  110: ["OperationalStatus", ({ guest }) => guest.values["OperationalStatus"] ?? null],
  111: ["StatusDescriptions", ({ guest }) => guest.values["StatusDescriptions"] ?? null],
  112: ["MemoryAvailable", (subject) => (isRunning(subject) ? 80 : null)],
  113: ["AvailableMemoryBuffer", (subject) => (isRunning(subject) ? 80 : null)],
  120: ["SwapFilesInUse", () => false],
  123: ["MemorySpansPhysicalNumaNodes", () => false],
  132: ["OtherEnabledState", () => null],
};

/** Of the guests named by their settings; of all where none is named. */
export function getSummaryInformation(call: MethodCall): Answer {
  const { host, input } = call;
  const named = references(call, "SettingData");
  const all = named.length > 0 ? named.map((path) => host.repository.get(path)) : current(host);
  const numbers = (Array.isArray(input["RequestedInformation"]) ? input["RequestedInformation"] : []).map(
    Number,
  );
  const summaries = all.map((settings) => {
    const guest =
      settings && host.repository.get(guestReference(textOf(settings, "VirtualSystemIdentifier")));
    if (settings === undefined || guest === undefined)
      throw new Refusal(RETURN.invalidParameter, "SettingData points to nothing");
    return embed(summary({ host, guest, settings }, numbers));
  });
  return { ...DONE, output: { SummaryInformation: summaries } };
}

function current(host: Host): readonly Instance[] {
  return host.repository
    .all("Msvm_VirtualSystemSettingData")
    .filter((settings) => textOf(settings, "VirtualSystemType") === REALIZED);
}

function summary(subject: Subject, numbers: readonly number[]): Instance {
  const values = numbers.flatMap((number) => {
    const request = REQUESTS[number];
    return request === undefined ? [] : [[request[0], request[1](subject)] as const];
  });
  return {
    className: "Msvm_SummaryInformation",
    values: { InstanceID: textOf(subject.settings, "InstanceID"), ...Object.fromEntries(values) },
  };
}

function embed(instance: Instance): Embedded {
  return { kind: "embedded", instance };
}

function isRunning({ guest }: Subject): boolean {
  return numberOf(guest, "EnabledState") === 2;
}

function quantity({ host, settings }: Subject, className: string): number {
  const found = resourcesOf(host, referenceTo(settings)).find((resource) =>
    isInstanceOf(resource, className),
  );
  return found === undefined ? 0 : numberOf(found, "VirtualQuantity");
}

function jobsOf(host: Host, guest: Instance): readonly Instance[] {
  return host.repository.associationsOf(referenceTo(guest)).flatMap((association) => {
    const job = association.values["AffectingElement"];
    if (!isReference(job)) return [];
    const instance = host.repository.get(job);
    return instance === undefined ? [] : [instance];
  });
}

const MOST_PIXELS = 4096;

/** A grey picture in RGB565, two bytes a pixel: there is no screen. */
export function getVirtualSystemThumbnailImage(call: MethodCall): Answer {
  const settings = needInstance(call, "TargetSystem");
  const [width, height] = [Number(call.input["WidthPixels"] ?? 0), Number(call.input["HeightPixels"] ?? 0)];
  if (width < 1 || height < 1 || width > MOST_PIXELS || height > MOST_PIXELS)
    throw new Refusal(RETURN.invalidParameter, `a picture of ${width} by ${height} cannot be had`);
  const guest = call.host.repository.get(guestReference(textOf(settings, "VirtualSystemIdentifier")));
  if (guest === undefined || !isGuest(call.host, guest) || numberOf(guest, "EnabledState") !== 2)
    throw new Refusal(RETURN.invalidState, "the guest does not run");
  const pixels = Array.from({ length: width * height * 2 }, (_, i) => (i % 2 === 0 ? 0x10 : 0x84));
  return { ...DONE, output: { ImageData: pixels } };
}
