import {
  AttachDeviceRequest,
  DetachDeviceRequest,
  DeviceServiceService as devices,
  UpdateDeviceRequest,
} from "@virtmesh/api/gen/virtmesh/v1/device";
import { DEVICE_SCOPE_OPTIONS, scopeOf, WITHIN_OPTION, withinOf } from "../change-scope.ts";
import { readDocument } from "../files.ts";
import { perform } from "../long-work.ts";
import { clean } from "../output/table.ts";
import { resolveTarget, type Session } from "../session.ts";
import { DOMAIN_ARGUMENT, type Given, type Verb, type VerbArgument, type VerbOption } from "../verb.ts";

export const DEVICE_OPTIONS: readonly VerbOption[] = [...DEVICE_SCOPE_OPTIONS, WITHIN_OPTION];

const FILE: VerbArgument = {
  name: "file",
  help: "libvirt XML of the device; - is standard input",
  completes: "file",
};

/** What every request about a device begins with. */
async function placed(session: Session, given: Given) {
  const target = await resolveTarget(session, given.arg(0));
  const scope = await scopeOf(session, target, given);
  return { ...target, ...scope, ...withinOf(given), requestId: crypto.randomUUID() };
}

export async function attach(session: Session, given: Given, xml: string, done: string): Promise<void> {
  const place = await placed(session, given);
  const request = AttachDeviceRequest.fromPartial({ ...place, xml });
  await perform(session, place.uri, session.rpc.unary(devices.attachDevice, request), done);
}

export async function detach(
  session: Session,
  given: Given,
  device: NonNullable<DetachDeviceRequest["device"]>,
  done: string,
): Promise<void> {
  const place = await placed(session, given);
  const request = DetachDeviceRequest.fromPartial({ ...place, device });
  await perform(session, place.uri, session.rpc.unary(devices.detachDevice, request), done);
}

export async function update(session: Session, given: Given, xml: string, done: string): Promise<void> {
  const place = await placed(session, given);
  const request = UpdateDeviceRequest.fromPartial({ ...place, xml, force: given.flag("force") });
  await perform(session, place.uri, session.rpc.unary(devices.updateDevice, request), done);
}

export const attachDevice: Verb = {
  name: "attach-device",
  group: "Devices and screens",
  summary: "plug a device into a guest",
  args: [DOMAIN_ARGUMENT, FILE],
  options: DEVICE_OPTIONS,
  async run(session, given) {
    const xml = await readDocument(given.arg(1), session.terminal.streams.stdin);
    await attach(session, given, xml, "Device attached");
  },
};

export const detachDevice: Verb = {
  name: "detach-device",
  group: "Devices and screens",
  summary: "take a device away from a guest, which must let go of it",
  args: [DOMAIN_ARGUMENT, FILE],
  options: DEVICE_OPTIONS,
  async run(session, given) {
    const xml = await readDocument(given.arg(1), session.terminal.streams.stdin);
    await detach(session, given, { $case: "xml", value: xml }, "Device detached");
  },
};

export const detachDeviceAlias: Verb = {
  name: "detach-device-alias",
  group: "Devices and screens",
  summary: "the same, the device named by its alias",
  args: [DOMAIN_ARGUMENT, { name: "alias", help: "as dumpxml shows it" }],
  options: DEVICE_OPTIONS,
  async run(session, given) {
    const alias = given.arg(1);
    await detach(session, given, { $case: "alias", value: alias }, `Device '${clean(alias)}' detached`);
  },
};

export const updateDevice: Verb = {
  name: "update-device",
  group: "Devices and screens",
  summary: "change a device of a guest where it is",
  args: [DOMAIN_ARGUMENT, FILE],
  options: [
    ...DEVICE_OPTIONS,
    { flags: "--force", help: "a medium even when the guest has locked its tray" },
  ],
  async run(session, given) {
    const xml = await readDocument(given.arg(1), session.terminal.streams.stdin);
    await update(session, given, xml, "Device updated");
  },
};
