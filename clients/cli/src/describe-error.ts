import { type Reason, VirtError } from "@virtmesh/core/errors";
import { clean } from "./output/table.ts";

/** What to try, where the message of the error cannot know that this is a command line. */
const HINTS: Partial<Record<Reason, string>> = {
  DOMAIN_NOT_FOUND: "`virtmesh list --all` shows the guests there are",
  UNKNOWN_HOST: "`virtmesh hosts` shows the hosts there are",
  UNKNOWN_SCHEME: "`virtmesh agents` shows the connection URIs that are served",
  AMBIGUOUS_HOST: "say which host with -c, or name the guest as qemu://host/system/NAME",
  INVALID_URI: "a connection URI looks like qemu://host-a/system",
  CONSOLE_BUSY: "--force takes the console over",
  HOST_CORDONED: "`virtmesh host uncordon` lets new guests in again",
  DRAIN_INCOMPLETE: "mend what is in the way and drain again: what has moved has moved",
  DOMAIN_BUSY: "`virtmesh operations` shows what is going on",
  NOT_AUTHENTICATED: "--tls-dir names the folder with ca.pem, cert.pem and key.pem",
  DEADLINE: "what was asked for may still happen; look before trying again",
};

const NO_GATEWAY = "is a gateway running there? --gateway or VIRTMESH_GATEWAY names another one";

/** The lines for standard error: the message, what exactly is wrong, the stable reason, and a hint. `gateway`: whom we talk to. */
export function describeError(error: unknown, gateway = ""): readonly string[] {
  if (!VirtError.is(error)) {
    return [`error: ${error instanceof Error ? clean(error.message) : clean(String(error))}`];
  }
  const lines = [`error: ${clean(error.message)}`];
  for (const v of error.context.violations ?? []) lines.push(`  ${clean(v.field)}: ${clean(v.description)}`);
  for (const p of error.context.preconditions ?? []) {
    lines.push(
      `  ${clean(p.type)}${p.subject === "" ? "" : ` ${clean(p.subject)}`}: ${clean(p.description)}`,
    );
  }
  lines.push(`reason: ${error.reason}`);
  const hint = gateway !== "" && error.message.startsWith(gateway) ? NO_GATEWAY : HINTS[error.reason];
  if (hint !== undefined) lines.push(`hint: ${hint}`);
  return lines;
}

/** The same for programs. */
export function errorJson(error: unknown): Readonly<Record<string, unknown>> {
  const e = VirtError.is(error) ? error : VirtError.from(error);
  return {
    error: {
      code: e.code,
      reason: e.reason,
      message: VirtError.is(error) ? e.message : error instanceof Error ? error.message : String(error),
      ...e.context,
    },
  };
}
