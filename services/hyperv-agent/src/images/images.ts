import type { Call } from "@virtmesh/core/call";
import { isHypervError } from "../msvm/errors.ts";
import { readMsvm } from "../msvm/read.ts";
import { type MsvmSession, serviceReference } from "../msvm/session.ts";
import type { Msvm } from "../msvm/types.ts";
import type { HypervServer } from "../server.ts";
import { readCimXml } from "../wsman/cim-xml.ts";
import type { CallOptions } from "../wsman/client.ts";

const SERVICE = "Msvm_ImageManagementService";

/** `vhd` or `vhdx`: Hyper-V goes by the name. */
export function formatOf(path: string): string {
  return /\.a?(vhdx?)$/i.exec(path)?.[1]?.toLowerCase() ?? "";
}

/** Absolute, on a drive or on a share, and by its name a virtual hard disk. */
export function isPathOfDisk(path: string): boolean {
  const [, rest] = /^(?:[A-Za-z]:|\\\\[^\\/]+)\\(.+\.vhdx?)$/i.exec(path) ?? [];
  return rest?.split("\\").every((part) => !/^\.{0,2}$|[/*?"<>|:\p{Cc}]/u.test(part)) ?? false;
}

/** What the host says of an image; undefined where there is none, or one that it cannot look into. */
export async function imageAt(
  session: MsvmSession,
  Path: string,
  options: CallOptions,
): Promise<Msvm<"Msvm_VirtualHardDiskSettingData"> | undefined> {
  try {
    const service = serviceReference(SERVICE);
    const { output } = await session.call(
      SERVICE,
      service,
      "GetVirtualHardDiskSettingData",
      { Path },
      options,
    );
    const { SettingData: text } = output;
    return text === undefined ? undefined : readMsvm("Msvm_VirtualHardDiskSettingData", readCimXml(text));
  } catch (e) {
    if (isHypervError(e)) return undefined;
    throw e;
  }
}

export async function isFreePath(server: HypervServer, path: string, c: Call): Promise<boolean> {
  const found = await server.ask(
    `${path} cannot be looked at`,
    (session, options) => imageAt(session, path, options),
    c,
  );
  return found === undefined;
}
