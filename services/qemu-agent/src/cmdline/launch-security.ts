import { unsupported } from "./arguments.ts";
import type { BuildContext } from "./context.ts";
import { objectType } from "./context.ts";

/** Id of the object that encrypts the guest's memory. */
const ID = "lsec0";

/** `confidential-guest-support` of -machine. */
export function confidentialGuest({ definition }: Pick<BuildContext, "definition">): string | undefined {
  return definition.launchSecurity === undefined ? undefined : ID;
}

/** The object by which the host cannot read the guest's memory. */
export function launchSecurityArguments(c: BuildContext): void {
  const security = c.definition.launchSecurity;
  if (security === undefined) return;
  if (security.type !== "sev")
    throw unsupported(
      "launchSecurity/@type",
      `launch security of type ${security.type} is not supported by QEMU 7.2`,
    );
  const { cbitpos, reducedPhysBits } = security;
  if (cbitpos === undefined || reducedPhysBits === undefined)
    throw unsupported(
      "launchSecurity",
      "the place of the C-bit on this host is not known; give <cbitpos> and <reducedPhysBits>",
    );
  c.args.json("-object", {
    "qom-type": objectType(c, "sev-guest", "launchSecurity"),
    id: ID,
    cbitpos,
    "reduced-phys-bits": reducedPhysBits,
    policy: security.policy,
    "dh-cert-file": security.dhCert === undefined ? undefined : launchFile(c, "dh_cert"),
    "session-file": security.session === undefined ? undefined : launchFile(c, "session"),
    "kernel-hashes": security.kernelHashes,
  });
}

/** Where the agent has put that blob of the document. */
function launchFile({ runtime }: BuildContext, name: string): string {
  return `${runtime.directory}/${name}.base64`;
}
