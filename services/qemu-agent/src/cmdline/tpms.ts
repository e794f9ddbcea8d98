import type { Tpm } from "@virtmesh/documents/domain/devices/tpm";
import { unsupported } from "./arguments.ts";
import type { BuildContext, DeviceContext } from "./context.ts";
import { deviceDriver, idOf } from "./context.ts";
import type { DeviceParts } from "./parts.ts";
import { addParts } from "./parts.ts";

/** The device that a guest gets when the document does not say. */
const HOST_TPM = "/dev/tpm0";

export function tpmArguments(c: BuildContext): void {
  const { tpms } = c.definition.devices;
  if (tpms.length > 1) throw unsupported("devices/tpm[2]", "a guest has one TPM at most");
  for (const [i, tpm] of tpms.entries()) addParts(c.args, tpmParts(c, tpm, i));
}

/** A trusted platform module: of the host, or of a process that plays one. */
export function tpmParts(c: DeviceContext, tpm: Tpm, index: number): DeviceParts {
  const path = `devices/tpm[${index + 1}]`;
  const { model = "tpm-tis", backend } = tpm;
  const id = idOf(tpm, `tpm${index}`);
  const tpmdev = `tpm-${id}`;
  if (model === "tpm-spapr" || model === "spapr-tpm-proxy")
    throw unsupported(`${path}/@model`, `x86 has no TPM of model ${model}`);
  const devices = [{ driver: deviceDriver(c, model, path), tpmdev, id }];
  if (backend.type === "passthrough") {
    const device = backend.device ?? HOST_TPM;
    const cancel = `/sys/class/tpm/${device.replace(/^.*\//, "")}/device/cancel`;
    const values = { id: tpmdev, path: device, "cancel-path": cancel };
    return { options: [{ name: "-tpmdev", kind: "passthrough", values }], devices };
  }
  const chardev = `chr-${id}`;
  const socket = backend.type === "external" ? backend.source.path : tpmSocket(c.runtime.directory, id);
  if (socket === undefined)
    throw unsupported(`${path}/backend/source/@path`, "the socket of the TPM is missing");
  return {
    chardevs: [
      {
        id: chardev,
        backend: { type: "socket", data: { addr: { type: "unix", data: { path: socket } }, server: false } },
      },
    ],
    options: [{ name: "-tpmdev", kind: "emulator", values: { id: tpmdev, chardev } }],
    devices,
  };
}

/** Where the emulator that the agent starts listens. */
export function tpmSocket(directory: string, id: string): string {
  return `${directory}/${id}-swtpm.sock`;
}
