import { VirtError } from "@virtmesh/core/errors";
import { formatDomain } from "@virtmesh/documents/domain/document";
import { aliasOf, describeDevice } from "@virtmesh/documents/domain/find-device";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { FoundDevice } from "@virtmesh/documents/domain/one-device";
import { persistentXml } from "@virtmesh/agent/guests/definition";
import type { Guest } from "../domain/guest.ts";
import type { LaunchSite } from "../domain/launch.ts";
import { etagAfter } from "./attach.ts";
import { withoutOldDevice } from "./device-change.ts";
import { stepsOf } from "./hardware.ts";
import { deviceIds } from "./plug-steps.ts";
import { releaseHostSide } from "./release.ts";
import { unplug } from "./unplug.ts";

export interface DetachOptions {
  readonly guest: Guest;
  readonly site: LaunchSite;
  readonly found: FoundDevice;
  /** The definition for the next start without the device, where that changes too. */
  readonly persistent: IdentifiedDomain | undefined;
  readonly signal: AbortSignal;
}

/** Has a guest that runs let go of a device, and takes away its host side when it has. */
export async function detachLive({ guest, site, found, persistent, signal }: DetachOptions): Promise<void> {
  const { running } = guest;
  const before = running.definition;
  const alias = aliasOf(found) ?? "";
  await check(guest, site, found, alias);
  await running.begin({
    ...{ kind: "detach", xml: formatDomain(withoutOldDevice(before, found), { secure: true }), taps: {} },
    ...(persistent === undefined ? {} : { persistentXml: persistentXml(persistent) }),
  });
  try {
    await unplug(guest, alias, describeDevice(found), signal);
  } catch (e) {
    await running.conclude({});
    throw e;
  }
  running.forget(alias, withoutOldDevice);
  await releaseHostSide(guest, before, found, site);
  const { deviations } = running;
  await running.conclude({
    allotment: { etag: etagAfter(guest, persistent) },
    deviations: persistent === undefined ? deviations : deviations.filter((each) => each !== alias),
  });
}

async function check(guest: Guest, site: LaunchSite, found: FoundDevice, alias: string): Promise<void> {
  const { running, name } = guest;
  const resource = { type: "domain", name };
  const what = describeDevice(found);
  const steps = await stepsOf(running.definition, found, site, running.allotment);
  if (!deviceIds(steps).includes(alias)) {
    throw new VirtError(
      "CONFIG_UNSUPPORTED",
      `${what} of guest "${name}" is part of its board; take it out of the definition (config)`,
      { resource },
    );
  }
  if (found.list === "disks" && running.jobs.list.some((job) => job.disk === found.device.target.dev)) {
    throw new VirtError(
      "WRONG_STATE",
      `${what} of guest "${name}" is being worked on; end its block job first`,
      {
        resource,
      },
    );
  }
}
