import { VirtError } from "@virtmesh/core/errors";
import type { Reason } from "@virtmesh/core/errors";
import { QmpError } from "../qmp/errors.ts";

/** A failed command as what leaves the driver. `signal`: the one the command was given. */
export function commandFailure(guest: string, e: unknown, signal?: AbortSignal): unknown {
  if (!(e instanceof QmpError)) return e;
  const about = { resource: { type: "domain", name: guest }, metadata: { command: e.command } };
  const cause = { cause: e };
  switch (e.failure) {
    case "refused": {
      const reason = refusalReason(e);
      return new VirtError(reason, `QEMU of guest "${guest}" refused ${e.command}: ${e.desc}`, about, cause);
    }
    case "closed":
      return new VirtError(
        "HYPERVISOR_UNRESPONSIVE",
        `QEMU of guest "${guest}" went away before it answered ${e.command}`,
        about,
        cause,
      );
    case "timeout":
      return new VirtError(
        "HYPERVISOR_UNRESPONSIVE",
        `QEMU of guest "${guest}" hangs: ${e.message}`,
        about,
        cause,
      );
    case "aborted":
      return signal?.aborted && VirtError.is(signal.reason)
        ? signal.reason
        : new VirtError(
            "CANCELLED",
            `the call gave up waiting for ${e.command} of guest "${guest}"`,
            about,
            cause,
          );
    case "protocol":
      return new VirtError(
        "PROTOCOL",
        `QEMU of guest "${guest}" answered nonsense to ${e.message}`,
        about,
        cause,
      );
  }
}

function refusalReason(e: QmpError): Reason {
  if (e.errorClass === "DeviceNotFound") return "DEVICE_NOT_FOUND";
  return reasonOf(e.desc) ?? "HYPERVISOR_FAILED";
}

/** Sentences of QEMU and of libc in it that have a reason of their own. */
const SENTENCES: readonly (readonly [RegExp, Reason])[] = [
  [/Failed to get .*"(write|consistent read|resize)" lock|Is another process using the image/, "DISK_IN_USE"],
  [/No space left on device/, "NO_SPACE"],
  [/No such file or directory/, "FILE_NOT_FOUND"],
  [/Cannot allocate memory/, "LIMIT_REACHED"],
  [/Address already in use/, "HOST_SETUP"],
  [/Image is not in \S+ format/, "CONFIG_UNSUPPORTED"],
];

function reasonOf(text: string): Reason | undefined {
  return SENTENCES.find(([pattern]) => pattern.test(text))?.[1];
}

/**
 * Why a guest did not start, out of what QEMU wrote last to its log.
 * @param disks Paths of its disks by target, to name the disk that QEMU means.
 */
export function startFailure(
  guest: string,
  log: string,
  disks: readonly { readonly target: string; readonly path: string }[],
  cause?: unknown,
): VirtError {
  const reason = reasonOf(log) ?? "HYPERVISOR_FAILED";
  const disk =
    disks.find(({ path }) => log.includes(path)) ??
    disks.find(({ target }) => log.includes(`disk-${target}-`));
  const where = disk === undefined ? "" : `, disk ${disk.target} (${disk.path})`;
  const said = log === "" ? "QEMU ended without a word" : `QEMU said: ${log}`;
  return new VirtError(
    reason,
    `guest "${guest}" did not start${where}: ${said}`,
    {
      resource: { type: "domain", name: guest },
      metadata: disk === undefined ? {} : { disk: disk.target, path: disk.path },
    },
    { cause },
  );
}

/** Whether another port may help. */
export function isPortTaken(e: unknown): boolean {
  return VirtError.is(e) && e.reason === "HOST_SETUP" && e.message.includes("Address already in use");
}
